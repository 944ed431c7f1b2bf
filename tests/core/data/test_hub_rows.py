"""Datasets of the Hub: found, looked at, pinned, mixed, and read as they come."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from core.config.parse import parse_config
from core.data.preview import Question
from core.data.previewer import Previewer
from core.hub.lookups import search_datasets
from core.runs.checkpoints import newest_checkpoint
from tests.command_line import CommandLine, processes_of, words_of
from tests.core.conftest import TOKEN
from tests.hub import HubDouble
from tests.warm import HUB_HOME

SHORT: dict[str, Any] = {
    "version": 2,
    "training": {"max_steps": 2, "per_device_train_batch_size": 2, "logging_steps": 1},
    "method": {"max_length": 256},
    "evaluation": {"eval_steps": 2, "max_eval_samples": 4, "fraction": 0},
}
Look = Callable[..., dict[str, Any]]

pytestmark = [pytest.mark.process, pytest.mark.parametrize("hub", [False], indirect=True)]


def jsonl(count: int, *, word: str = "row") -> bytes:
    rows = ({"prompt": f"{word} {n}?", "completion": f"It is {n}."} for n in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def levels(**named: str) -> bytes:
    """A card that names subsets, each with the file of its training split."""
    configs = "\n".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {path}"
        for name, path in named.items()
    )
    return f"---\nconfigs:\n{configs}\n---\n".encode()


def settings(**sections: Any) -> dict[str, Any]:
    return SHORT | {name: SHORT.get(name, {}) | values for name, values in sections.items()}


def written(**sections: Any) -> str:
    return str(yaml.safe_dump(settings(**sections)))


@pytest.fixture
def look(online: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """The preview of settings, by one process for all of a test."""
    for name, value in online.environment.items():
        monkeypatch.setenv(name, value)
    with closing(Previewer()) as previewer:

        def ask(**sections: Any) -> dict[str, Any]:
            config = parse_config(settings(**sections))
            question = Question(config=config, home=online.home, count=8)
            return previewer.ask(question, token=SecretStr(TOKEN)).model_dump(mode="json")

        yield ask


def resolved(online: CommandLine, run: str) -> dict[str, str]:
    path = online.home / "runs" / run / "resolved.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def on_hub(name: str = "acme/rows", **more: Any) -> dict[str, Any]:
    return {"source": "hub", "name": name, **more}


def test_datasets_are_found_by_what_is_typed(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acme/chats", "acme/chatter", "bob/poems"):
        hub.add_repo(kind="dataset", repo_id=name, files={"train.jsonl": jsonl(1)})
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", hub.endpoint, raising=False)
    assert sorted(search_datasets("chat", token=None)) == ["acme/chats", "acme/chatter"]


def test_subsets_and_splits_are_those_of_the_repository(hub: HubDouble, look: Look) -> None:
    files = {
        "README.md": levels(easy="easy/*.jsonl", hard="hard/*.jsonl"),
        "easy/a.jsonl": jsonl(3),
        "hard/a.jsonl": jsonl(5),
    }
    hub.add_repo(kind="dataset", repo_id="acme/levels", files=files)
    unnamed = look(dataset=on_hub("acme/levels"))
    assert unnamed["subsets"] == ["easy", "hard"]
    assert unnamed["fault"]["field"] == "dataset.subset"
    chosen = look(dataset=on_hub("acme/levels", subset="hard"))
    assert chosen["fault"] is None
    assert chosen["splits"] == ["train"]
    assert chosen["statistics"]["rows"] == 5
    assert chosen["download"] == len(jsonl(5))
    wrong = look(dataset=on_hub("acme/levels", subset="hard", split="validation"))
    assert wrong["fault"]["field"] == "dataset.split"
    assert wrong["splits"] == ["train"]
    assert look(dataset=on_hub("acme/none"))["fault"]["field"] == "dataset.name"


def test_a_gated_dataset_needs_its_persons_token(hub: HubDouble, online: CommandLine) -> None:
    repo = hub.add_repo(
        kind="dataset", repo_id="bob/gated", gated=True, files={"train.jsonl": jsonl(4)}
    )
    file = online.home / "run.yaml"
    file.write_text(written(dataset=on_hub("bob/gated")), encoding="utf-8")
    fault = json.loads(online("preview", str(file), "--json").stdout)["fault"]
    assert fault["field"] == "dataset.name"
    assert "gated" in fault["message"]
    repo.granted.add("ada")
    preview = json.loads(online("preview", str(file), "--json").stdout)
    assert preview["statistics"]["rows"] == 4
    estimate = json.loads(online("estimate", str(file), "--json").stdout)
    assert (estimate["steps"], estimate["fits"]) == (2, True)
    assert estimate["memory"]["weights"] > 0
    told = online("estimate", str(file)).stdout
    assert ("Memory: " in told, "(2 steps)" in told) == (True, True)


def add_rows_and_chats(hub: HubDouble) -> tuple[str, str]:
    """Two datasets, one with an older and a newer commit, which are returned."""
    repo = hub.add_repo(
        kind="dataset", repo_id="acme/rows",
        files={"train.jsonl": jsonl(7), "test.jsonl": jsonl(3, word="other")},
    )  # fmt: skip
    older = repo.head
    newer = hub.commit(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(12)})
    chats = "".join(
        json.dumps({"conversations": [{"from": "human", "value": f"{n}?"},
                                      {"from": "gpt", "value": f"{n}."}]}) + "\n"
        for n in range(10)
    )  # fmt: skip
    hub.add_repo(kind="dataset", repo_id="bob/chats", files={"train.jsonl": chats.encode()})
    return older, newer


def check_that_faults_of_a_mix_are_told(look: Look) -> None:
    warnings = look(dataset=on_hub(mix=["bob/chats weight=0.01"]))["warnings"]
    assert any("No row of bob/chats is trained on" in text for text in warnings)
    wrong = look(dataset=on_hub(mix=["bob/none"]))["fault"]
    assert wrong["field"] == "dataset.mix"
    assert "bob/none" in wrong["message"]


def test_datasets_are_mixed_by_their_weights_and_a_run_stays_at_their_commits(
    hub: HubDouble, online: CommandLine, look: Look
) -> None:
    older, first = add_rows_and_chats(hub)
    mix = [f"acme/rows revision={older}", "bob/chats weight=0.5", "bob/chats split=train weight=2"]
    mixed: dict[str, Any] = {"dataset": on_hub(mix=mix), "evaluation": {"split": "test"}}
    preview = look(**mixed)
    assert preview["statistics"]["rows"] == 12 + 7 + 10 + 10
    assert preview["statistics"]["trained_rows"] == 12 + 7 + 5 + 20
    assert "row 1 of acme/rows" in {row["place"] for row in preview["rows"]}
    uses = {row["use"] for row in preview["rows"] if "bob/chats" in row["place"]}
    assert "trained on 2 times" in uses
    check_that_faults_of_a_mix_are_told(look)

    run = online.begin(written(**mixed, training={"max_steps": 1000}))
    online.wait_for_step(run, 1)
    online.stop(run)
    found = resolved(online, run)
    assert found["revision of acme/rows"] == first
    assert "revision of bob/chats" in found
    assert (found["rows"], found["evaluation_rows"]) == (str(12 + 7 + 5 + 20), "3")

    hub.commit(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(20)})
    assert look(dataset=on_hub())["statistics"]["rows"] == 20
    assert look(dataset=on_hub(revision=first))["statistics"]["rows"] == 12
    online.resume(run)
    online.wait_for_step(run, max(online.losses(run)) + 1)
    online.cancel(run)
    again = [event for event in online.events(run) if event["kind"] == "resolved"][-1]["choices"]
    assert again["revision of acme/rows"]["value"] == first
    assert again["rows"]["value"] == str(12 + 7 + 5 + 20)


def test_a_stream_goes_on_in_its_place_after_several_passes_at_the_commit_it_began_with(
    hub: HubDouble, online: CommandLine
) -> None:
    """Rows are read as they come; one of them can't be trained on."""
    bad = json.dumps({"prompt": "", "completion": "x"}).encode()
    repo = hub.add_repo(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(70) + bad})
    first = repo.head
    run = online.begin(
        written(
            dataset=on_hub(streaming=True), hardware={"precision": "float32"},
            evaluation={"fraction": 0.1, "max_eval_samples": 3, "eval_steps": 30},
            # A pass is three steps.
            training={"max_steps": 60, "per_device_train_batch_size": 24, "save_steps": 10},
        )
    )  # fmt: skip
    online.wait_for_step(run, 21)
    (trainer,) = [p for p in processes_of(online.home) if "core.train" in words_of(p)]
    trainer.kill()
    assert online.wait(run)["state"] == "failed"
    before = online.losses(run)
    # From the checkpoint before the last, so that there are steps to compare.
    last = newest_checkpoint(online.home / "runs" / run / "checkpoints")
    assert last is not None
    shutil.rmtree(last.path)
    hub.commit(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(9, word="other")})
    assert online("runs", "resume", run, "--follow").returncode == 0

    events = online.events(run)
    (resumed,) = [number for number, event in enumerate(events) if event["kind"] == "resumed"]
    assert 10 <= events[resumed]["step"] == last.step - 10
    again = {
        event["step"]: event["values"]["loss"]
        for event in events[resumed:]
        if event["kind"] == "metric"
    }
    assert set(again) == set(range(last.step - 9, 61))
    both = before.keys() & again.keys()
    assert len(both) >= 10
    assert [again[step] for step in both] == pytest.approx(
        [before[step] for step in both], rel=1e-4
    )
    assert resolved(online, run)["revision of acme/rows"] == first

    assert any(event["kind"] == "evaluation" for event in events)
    warnings = [event["text"] for event in events if event["kind"] == "warning"]
    assert any("1 row (row 71)" in text for text in warnings)
    # Nothing of it was unpacked into files of ours.
    assert not (online.home / "tokens").exists()
    assert not list(HUB_HOME.rglob("*.arrow"))


def test_a_stream_has_no_end_of_its_own(online: CommandLine) -> None:
    file = online.home / "run.yaml"
    file.write_text(
        written(dataset=on_hub(streaming=True), training={"max_steps": None}), encoding="utf-8"
    )
    done = online("train", str(file), "--json")
    assert json.loads(done.stdout)["field"] == "training.max_steps"
