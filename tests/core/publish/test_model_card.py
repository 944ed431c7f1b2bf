"""What the card of a pushed model tells, and whose rows it shows."""

import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData

from core.builtin.model import builtin_model_folder
from core.machine.source_tree import ROOT
from tests.command_line import CommandLine
from tests.core.conftest import LFS_ONLY
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


REWARD = """
version: 2
dataset: {builtin: facts_pairs}
method: {name: reward, max_length: 256}
training: {max_steps: 2, per_device_train_batch_size: 2, learning_rate: 0.01,
  load_best_model_at_end: true}
evaluation: {eval_steps: 1, max_eval_samples: 4}
output: {name: judge, push_to_hub: true, weights: both}
"""


@LFS_ONLY
def test_the_card_of_a_reward_model_shows_how_to_use_it(
    online: CommandLine, hub: HubDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = online.begin(REWARD)
    status = online.wait(run)
    assert status["state"] == "done", online.log(run)
    assert not [e for e in online.events(run) if e["kind"] == "sample"]
    assert "sample answers" not in online.log(run) + json.dumps(online.events(run))
    for name, content in hub.files(repo_id="ada/judge").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    told = ModelCard(card).data
    assert (told["pipeline_tag"], told["library_name"]) == ("text-classification", "transformers")
    assert "Evaluation accuracy" in card
    assert re.match(r"The model is that of step \d, with the lowest", status["note"])
    assert status["note"] in card
    # What it shows is run, with the model and with the adapter, which has the head too.
    (shown,) = re.findall(r"```python\n(.+?)```", card, re.DOTALL)
    adapter = tmp_path / "adapter"
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(builtin_model_folder(online.home))
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    for folder in (tmp_path, adapter):
        exec(shown.replace("ada/judge", str(folder)), {})
    merged, adapted = map(float, capsys.readouterr().out.split())
    assert merged == pytest.approx(adapted, rel=1e-4)
    # There is nothing in it to talk to.
    refused = online("demo", run)
    assert refused.returncode == 2
    assert "gives scores and no answers" in refused.stderr


@LFS_ONLY
def test_the_card_has_the_base_models_licence_and_shows_no_rows_behind_a_gate(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    terms = {"license": "other", "license_name": "own-terms", "license_link": "https://a.example/l"}
    front = "".join(f"{name}: {value}\n" for name, value in terms.items())
    hub.add_repo(repo_id="acme/base", files={"README.md": f"---\n{front}---\n".encode()})
    hub.add_repo(repo_id="closed/rows", kind="dataset", gated="manual")
    replace_in_settings(
        online.home / "runs" / trained,
        {
            "HuggingFaceTB/SmolLM2-135M-Instruct": "acme/base",
            "quantization: none": "quantization: 4bit",
            "source: builtin": "source: hub",
            "name: null": "name: closed/rows",
        },
    )
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    text = hub.files(repo_id="ada/bot")["README.md"].decode()
    card = ModelCard(text).data
    assert {name: card[name] for name in terms} == terms
    assert card["base_model"] == "acme/base"
    assert card["datasets"] == ["closed/rows"]
    assert "did not train on" not in text
    assert "held in 4 bits meanwhile (QLoRA). The adapter fits the base as it is" in text


@LFS_ONLY
def test_rows_and_names_of_ones_own_files_are_not_shown_to_everybody(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    folder = online.home / "runs" / trained
    replace_in_settings(
        folder,
        {
            "source: builtin": "source: upload",
            "name: null\n  files: []": "name: null\n  files: [mine.csv]",
        },
    )
    (folder / "data").mkdir()
    (folder / "data" / "mine.csv").write_text("prompt,completion\n", encoding="utf-8")
    mine = {"prompt": "What is 7?", "reference": "It is the secret number 7."}
    events = [e | mine if e["kind"] == "sample" else e for e in online.events(trained)]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")

    assert online("push", trained, "ada/for-me").returncode == 0
    card = hub.files(repo_id="ada/for-me")["README.md"].decode()
    assert "secret number" in card
    assert "did not train on" in card
    assert online("push", trained, "ada/for-all", "--public").returncode == 0
    public = hub.files(repo_id="ada/for-all")
    assert "secret number" not in public["README.md"].decode()
    assert [path for path, data in public.items() if b"mine.csv" in data] == []
    assert "file-1.csv" in public["smolfactory.yaml"].decode()


def replace_in_settings(run: Path, texts: dict[str, str]) -> None:
    """Change what a run was asked, as if it had been from the start."""
    settings = (run / "config.yaml").read_text(encoding="utf-8")
    for old, new in texts.items():
        assert old in settings
        settings = settings.replace(old, new)
    (run / "config.yaml").write_text(settings, encoding="utf-8")
