"""What the card of a pushed model tells, and whose rows it shows."""

import pytest
from huggingface_hub import ModelCard, ModelCardData

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine
from tests.core.conftest import LFS_ONLY, SHORT
from tests.hub import HubDouble

pytestmark = pytest.mark.process


@LFS_ONLY
def test_the_card_tells_what_the_model_is_and_shows_its_answers(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    samples = [e for e in online.events(trained) if e["kind"] == "sample"]
    assert len(samples) == 3
    assert online("push", trained, "ada/bot").returncode == 0
    card = hub.files(repo_id="ada/bot")["README.md"].decode()
    for fact in (
        "base_model: HuggingFaceTB/SmolLM2-135M-Instruct",
        "library_name: peft",
        "license: apache-2.0",
        "Evaluation loss",
        "facts_to_json",
        "Learning rate | 0.01",
        'from_pretrained("ada/bot")',
        "- trl 1.16.0",
        f"[HuggingFaceTB/SmolLM2-135M-Instruct]({hub.endpoint}/HuggingFaceTB/SmolLM2-135M-Instruct)",
    ):
        assert fact in card
    assert str(online.home) not in card
    # As the Hub's own client reads it.
    told = ModelCard(card).data
    assert isinstance(told, ModelCardData)
    results = {result.metric_type: result for result in told.eval_results or []}
    assert results["loss"].metric_value > 0
    assert 0 <= results["accuracy"].metric_value <= 1
    assert results["loss"].dataset_name == "rows that were not trained on"
    for sample in samples:
        assert sample["prompt"] in card
        assert sample["reference"] in card
    held_out = (ROOT / "templates/datasets/facts_to_json/test.jsonl").read_text(encoding="utf-8")
    assert all(sample["prompt"] in held_out for sample in samples)


@LFS_ONLY
def test_the_card_has_the_base_models_licence_with_its_name_and_link(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    terms = {"license": "other", "license_name": "own-terms", "license_link": "https://a.example/l"}
    front = "".join(f"{name}: {value}\n" for name, value in terms.items())
    hub.add_repo(repo_id="acme/base", files={"README.md": f"---\n{front}---\n".encode()})
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    asked.write_text(text.replace("HuggingFaceTB/SmolLM2-135M-Instruct", "acme/base"), "utf-8")
    assert online("push", trained, "ada/bot").returncode == 0
    card = ModelCard(hub.files(repo_id="ada/bot")["README.md"].decode()).data
    assert {name: card[name] for name in terms} == terms
    assert card["base_model"] == "acme/base"


@LFS_ONLY
def test_rows_and_names_of_ones_own_files_are_not_shown_to_everybody(
    online: CommandLine, hub: HubDouble
) -> None:
    rows = [f'"What is {n}?","It is the secret number {n}."' for n in range(40)]
    mine = online.home / "mine.csv"
    mine.write_text("prompt,completion\n" + "\n".join(rows), encoding="utf-8")
    own = SHORT.replace("push_to_hub: true", "push_to_hub: false")
    run = online.start(own + "dataset: {source: upload, files: [mine.csv]}\n")
    assert online.wait(run)["state"] == "done", online.log(run)
    assert online("push", run, "ada/for-me").returncode == 0
    assert "secret number" in hub.files(repo_id="ada/for-me")["README.md"].decode()
    assert online("push", run, "ada/for-all", "--public").returncode == 0
    public = hub.files(repo_id="ada/for-all")
    assert "secret number" not in public["README.md"].decode()
    assert [path for path, data in public.items() if b"mine.csv" in data] == []
    assert "file-1.csv" in public["smolfactory.yaml"].decode()


@LFS_ONLY
def test_rows_behind_a_gate_are_not_shown_to_everybody(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.add_repo(repo_id="closed/rows", kind="dataset", gated="manual")
    asked = online.home / "runs" / trained / "config.yaml"
    text = asked.read_text(encoding="utf-8")
    on_hub = text.replace("source: builtin", "source: hub")
    on_hub = on_hub.replace("name: null", "name: closed/rows")
    asked.write_text(on_hub, encoding="utf-8")
    assert "closed/rows" in asked.read_text(encoding="utf-8")
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    assert "did not train on" not in hub.files(repo_id="ada/bot")["README.md"].decode()
