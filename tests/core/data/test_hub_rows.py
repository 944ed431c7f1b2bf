"""Datasets of the Hub: found, looked at, pinned, mixed, and read as they come."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.hub.lookups import search_datasets
from core.machine.processes import end_family
from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, environment_of, processes_of
from tests.hub import HubDouble
from tests.waiting import wait_until

TOKEN = "hf_CanaryOfTheDatasetsTests0123456789"
SHORT: dict[str, Any] = {
    "version": 2,
    "training": {"max_steps": 2, "per_device_train_batch_size": 2, "logging_steps": 1},
    "method": {"max_length": 256},
    "evaluation": {"eval_steps": 2, "max_eval_samples": 4, "fraction": 0},
}

pytestmark = [pytest.mark.process, pytest.mark.parametrize("hub", [False], indirect=True)]


@pytest.fixture
def online(home: Path, hub: HubDouble) -> Iterator[CommandLine]:
    """The command line with a token, on a machine that reaches the double of the Hub."""
    hub.add_user(name="ada", token=TOKEN)
    environment = environment_of(home) | hub.environment(home=home / "hf", token=TOKEN)
    yield CommandLine(home, environment)
    for process in processes_of(home):
        end_family(process, grace=2)


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


def save(home: Path, **sections: Any) -> Path:
    file = home / "run.yaml"
    merged = {name: SHORT.get(name, {}) | values for name, values in sections.items()}
    file.write_text(yaml.safe_dump(SHORT | merged), encoding="utf-8")
    return file


def look(online: CommandLine, **sections: Any) -> dict[str, Any]:
    done = online("preview", str(save(online.home, **sections)), "--json")
    return dict(json.loads(done.stdout))


def train(online: CommandLine, **sections: Any) -> str:
    run = online.start(save(online.home, **sections).read_text(encoding="utf-8"))
    assert online.wait(run)["state"] == "done", online.log(run)
    return run


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


def test_subsets_and_splits_are_those_of_the_repository(
    hub: HubDouble, online: CommandLine
) -> None:
    files = {
        "README.md": levels(easy="easy/*.jsonl", hard="hard/*.jsonl"),
        "easy/a.jsonl": jsonl(3),
        "hard/a.jsonl": jsonl(5),
    }
    hub.add_repo(kind="dataset", repo_id="acme/levels", files=files)
    unnamed = look(online, dataset=on_hub("acme/levels"))
    assert unnamed["subsets"] == ["easy", "hard"]
    assert unnamed["fault"]["field"] == "dataset.subset"
    chosen = look(online, dataset=on_hub("acme/levels", subset="hard"))
    assert chosen["fault"] is None
    assert chosen["splits"] == ["train"]
    assert chosen["statistics"]["rows"] == 5
    assert chosen["download"] == len(jsonl(5))
    wrong = look(online, dataset=on_hub("acme/levels", subset="hard", split="validation"))
    assert wrong["fault"]["field"] == "dataset.split"
    assert wrong["splits"] == ["train"]
    assert look(online, dataset=on_hub("acme/none"))["fault"]["field"] == "dataset.name"


def test_a_gated_dataset_needs_its_persons_token(hub: HubDouble, online: CommandLine) -> None:
    repo = hub.add_repo(
        kind="dataset", repo_id="acme/gated", gated=True, files={"train.jsonl": jsonl(4)}
    )
    fault = look(online, dataset=on_hub("acme/gated"))["fault"]
    assert fault["field"] == "dataset.name"
    assert "gated" in fault["message"]
    repo.granted.add("ada")
    assert look(online, dataset=on_hub("acme/gated"))["statistics"]["rows"] == 4


def test_a_run_stays_at_the_commit_it_began_with(hub: HubDouble, online: CommandLine) -> None:
    repo = hub.add_repo(
        kind="dataset", repo_id="acme/rows",
        files={"train.jsonl": jsonl(7), "test.jsonl": jsonl(3, word="other")},
    )  # fmt: skip
    older = repo.head
    hub.commit(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(12)})
    first = repo.head
    long = save(
        online.home, dataset=on_hub(mix=[f"acme/rows revision={older}"]),
        evaluation={"split": "test"}, training={"max_steps": 200},
    )  # fmt: skip
    run = online.start(long.read_text(encoding="utf-8"))
    online.wait_for_step(run, 1)
    found = resolved(online, run)
    assert found["revision of acme/rows"] == first
    assert (found["rows"], found["evaluation_rows"]) == (str(12 + 7), "3")
    assert online("runs", "stop", run).returncode == 0
    hub.commit(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(20)})
    assert look(online, dataset=on_hub())["statistics"]["rows"] == 20
    assert look(online, dataset=on_hub(revision=first))["statistics"]["rows"] == 12
    assert online("runs", "resume", run).returncode == 0
    online.wait_for_step(run, online.status(run)["step"] + 1)
    again = [event for event in online.events(run) if event["kind"] == "resolved"][-1]["choices"]
    assert again["revision of acme/rows"]["value"] == first
    assert again["rows"]["value"] == str(12 + 7)
    online("runs", "stop", run, "--now")


def test_datasets_are_mixed_by_their_weights(hub: HubDouble, online: CommandLine) -> None:
    hub.add_repo(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(12)})
    chats = "".join(
        json.dumps({"conversations": [{"from": "human", "value": f"{n}?"},
                                      {"from": "gpt", "value": f"{n}."}]}) + "\n"
        for n in range(10)
    )  # fmt: skip
    hub.add_repo(kind="dataset", repo_id="bob/chats", files={"train.jsonl": chats.encode()})
    mixed = on_hub(mix=["bob/chats weight=0.5", "bob/chats split=train weight=2"])
    preview = look(online, dataset=mixed)
    assert preview["statistics"]["rows"] == 12 + 10 + 10
    places = {row["place"] for row in preview["rows"]}
    assert "row 1 of acme/rows" in places
    run = train(online, dataset=mixed)
    assert preview["statistics"]["trained_rows"] == 12 + 5 + 20
    uses = {row["use"] for row in preview["rows"] if "bob/chats" in row["place"]}
    assert "trained on 2 times" in uses
    assert resolved(online, run)["rows"] == str(12 + 5 + 20)
    assert "revision of bob/chats" in resolved(online, run)
    warnings = look(online, dataset=on_hub(mix=["bob/chats weight=0.01"]))["warnings"]
    assert any("No row of bob/chats is trained on" in text for text in warnings)
    wrong = look(online, dataset=on_hub(mix=["bob/none"]))["fault"]
    assert wrong["field"] == "dataset.mix"
    assert "bob/none" in wrong["message"]


def test_rows_are_read_as_they_come(hub: HubDouble, online: CommandLine) -> None:
    data = jsonl(300) + json.dumps({"prompt": "", "completion": "x"}).encode()
    hub.add_repo(kind="dataset", repo_id="acme/rows", files={"train.jsonl": data})
    run = train(
        online, dataset=on_hub(streaming=True), evaluation={"fraction": 0.1, "max_eval_samples": 3},
        training={"max_steps": 4},
    )  # fmt: skip
    events = online.events(run)
    assert any(event["kind"] == "evaluation" for event in events)
    warnings = [event["text"] for event in events if event["kind"] == "warning"]
    assert any("1 row (row 301)" in text for text in warnings)
    assert set(online.losses(run)) == {1, 2, 3, 4}
    # Nothing of it was unpacked into files of ours.
    assert not (online.home / "tokens").exists()
    assert not list((online.home / "hf").rglob("*.arrow"))
    endless = save(online.home, dataset=on_hub(streaming=True), training={"max_steps": None})
    done = online("train", str(endless), "--json")
    assert json.loads(done.stdout)["field"] == "training.max_steps"


def test_a_stream_goes_on_in_its_place_after_several_passes(
    hub: HubDouble, online: CommandLine
) -> None:
    hub.add_repo(kind="dataset", repo_id="acme/rows", files={"train.jsonl": jsonl(9)})
    asked: dict[str, Any] = {
        "dataset": on_hub(streaming=True),
        "training": {"max_steps": 40},
        "hardware": {"precision": "float32"},
    }
    whole = train(online, **asked)
    run = online.start(save(online.home, **asked).read_text(encoding="utf-8"))
    # A pass is 4.5 steps.
    online.wait_for_step(run, 10)
    # Held until it has been asked to stop: it might be through by then.
    trainer = next(p for p in processes_of(online.home) if "core.train" in p.cmdline())
    trainer.suspend()
    stopping = subprocess.Popen(
        [sys.executable, "-m", "core", "runs", "stop", run],
        cwd=ROOT, env=online.environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until((online.home / "runs" / run / "request.json").exists)
    trainer.resume()
    assert stopping.wait(timeout=120) == 0
    assert 10 <= online.status(run)["step"] < 40
    assert online("runs", "resume", run, "--follow").returncode == 0
    assert online.losses(run) == pytest.approx(online.losses(whole), rel=1e-4)
