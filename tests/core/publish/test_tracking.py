"""Measurements that go to the Hub: all of a run's and only its own, or nothing at all."""

import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset
from pyarrow import parquet

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, processes_of, words_of
from tests.core.conftest import LFS_ONLY, SHORT, TOKEN
from tests.core.publish.tracked import (
    EXPERIMENTS,
    rows_measured,
    rows_tracked,
    send_curves,
    track,
)
from tests.hub import HubDouble

pytestmark = pytest.mark.process
TRACKED = SHORT.replace("push_to_hub: true", "tracking: dataset")


@LFS_ONLY
def test_a_run_of_the_hubs_model_and_data_puts_its_measurements_into_a_private_dataset(
    online: CommandLine, hub: HubDouble, tiny_model: Path
) -> None:
    """It pushes no model until it is asked to; the model's card then names its private base."""
    said = [(f"Say {n}.", f"It is {n}.") for n in range(40)]
    rows = "".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": asked},
                    {"role": "assistant", "content": answer},
                ]
            }
        )
        + "\n"
        for asked, answer in said
    )
    hub.add_repo(repo_id="acme/chats", kind="dataset", files={"train.jsonl": rows.encode()})
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    hub.add_repo(repo_id="ada/tiny", files=files, private=True)
    run = online.begin(
        TRACKED + "model: {name: ada/tiny}\ndataset: {source: hub, name: acme/chats}\n"
    )
    assert online.wait(run)["state"] == "done", online.log(run)
    resolved = (online.home / "runs" / run / "resolved.yaml").read_text()
    assert f"model_revision: {hub.repo(repo_id='ada/tiny').head}" in resolved
    expect_tracked(online, hub, run)
    assert not hub.has_repo(repo_id="ada/bot")
    assert online("push", run, "ada/bot").returncode == 0
    assert "base_model: ada/tiny" in hub.files(repo_id="ada/bot")["README.md"].decode()


def expect_tracked(online: CommandLine, hub: HubDouble, run: str) -> None:
    """The dataset is private and has all that was measured, and the token is nowhere."""
    assert hub.repo(repo_id=EXPERIMENTS, kind="dataset").private
    wanted = rows_measured(online, run)
    assert {"loss", "eval_loss"} <= {row[2] for row in wanted}
    assert rows_tracked(hub, run) == wanted
    files = hub.files(repo_id=EXPERIMENTS, kind="dataset")
    (record,) = parquet.read_table(BytesIO(files[f"runs/{run}.parquet"])).to_pylist()
    assert record["run"] == run
    assert yaml.safe_load(record["settings"])["training"]["max_steps"] == 4
    tracked = next(e for e in online.events(run) if e["kind"] == "tracked")
    assert tracked["repo"] == EXPERIMENTS
    assert tracked["url"] == hub.url(repo_id=EXPERIMENTS, kind="dataset")
    holders = [
        p for p in online.home.rglob("*") if p.is_file() and TOKEN.encode() in p.read_bytes()
    ]
    assert holders == []
    assert not any(TOKEN.encode() in content for content in files.values())


@LFS_ONLY
def test_another_run_adds_to_the_dataset_and_its_card_shows_all(
    online: CommandLine, hub: HubDouble, trained: str, tmp_path: Path
) -> None:
    track(online, trained)
    send_curves(online, trained)
    before = hub.files(repo_id=EXPERIMENTS, kind="dataset")
    # It measures other things: nothing is held out.
    run = trained[:-8] + "0" * 8
    shutil.copytree(online.home / "runs" / trained, online.home / "runs" / run)
    measured = [e for e in online.events(run) if e["kind"] not in ("evaluation", "tracked")]
    lines = "".join(json.dumps(event) + "\n" for event in measured)
    (online.home / "runs" / run / "events.jsonl").write_text(lines, encoding="utf-8")
    # Others write at the same time, twice, and all get through.
    faults = [
        hub.fail(path=f"/{EXPERIMENTS}/commit/", method="POST", status=status, times=1)
        for status in (409, 412)
    ]
    send_curves(online, run)
    assert [fault.hits for fault in faults] == [1, 1]
    after = hub.files(repo_id=EXPERIMENTS, kind="dataset")
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {f"metrics/{run}.parquet", f"runs/{run}.parquet"}

    folder = tmp_path / "seen"
    for path, content in after.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    cache = str(tmp_path / "cache")
    metrics = load_dataset(str(folder), "metrics", split="train", cache_dir=cache)
    seen = {(row["run"], row["step"], row["metric"], row["value"]) for row in metrics}
    assert seen == rows_measured(online, trained) | rows_measured(online, run)
    runs = load_dataset(str(folder), "runs", split="train", cache_dir=cache)
    assert set(runs["run"]) == {trained, run}


@LFS_ONLY
def test_what_is_measured_again_after_a_resume_is_told_once(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    events = online.home / "runs" / trained / "events.jsonl"
    metric = {"kind": "metric", "step": 3, "values": {"loss": 0.125, "grad_norm": None}}
    with events.open("a", encoding="utf-8") as file:
        for fact in ({"kind": "resumed", "step": 2}, metric):
            file.write(json.dumps(fact) + "\n")
    send_curves(online, trained)
    rows = rows_tracked(hub, trained)
    assert {row for row in rows if row[1] > 2} == {
        (trained, 3, "loss", 0.125), (trained, 3, "grad_norm", None),
    }  # fmt: skip
    assert {row[1] for row in rows} == {1, 2, 3}


@LFS_ONLY
def test_a_tracking_that_fails_or_is_killed_costs_a_warning_and_not_the_push(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    """The next push sends what is owed, the one after it nothing again."""
    track(online, trained)
    fault = hub.fail(path="/api/datasets/", status=500, times=None)
    assert online("push", trained, "ada/bot").returncode == 0
    assert fault.hits
    (warning,) = warnings_of(online, trained, expect_weights_in=hub.files(repo_id="ada/bot"))
    assert warning.startswith("The curves are not on the Hub: ")
    assert "Traceback" not in online.log(trained)
    assert "Every measurement" not in hub.files(repo_id="ada/bot")["README.md"].decode()
    hub.heal()

    push_with_killed_tracking(online, hub, trained, to="ada/other")
    _, warning = warnings_of(online, trained, expect_weights_in=hub.files(repo_id="ada/other"))
    assert "ended early (signal SIGKILL)" in warning

    assert online("push", trained, "ada/bot").returncode == 0
    assert rows_tracked(hub, trained) == rows_measured(online, trained)
    # The model's card names the place.
    card = hub.files(repo_id="ada/bot")["README.md"].decode()
    assert f"[{EXPERIMENTS}]({hub.url(repo_id=EXPERIMENTS, kind='dataset')})" in card
    sent = hub.count(path=EXPERIMENTS)
    assert online("push", trained, "ada/bot").returncode == 0
    assert hub.count(path=EXPERIMENTS) == sent


def push_with_killed_tracking(online: CommandLine, hub: HubDouble, run: str, *, to: str) -> None:
    hold = hub.hold(path="/api/datasets/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", run, to],
        cwd=ROOT, env=online.environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert hold.reached.wait(60)
    assert online.status(run)["note"] == "Sending the curves to the Hub…"
    (sender,) = [p for p in processes_of(online.home) if "core.publish.tracking" in words_of(p)]
    sender.kill()
    assert push.wait(timeout=120) == 0
    hold.release()


def warnings_of(online: CommandLine, run: str, *, expect_weights_in: dict[str, bytes]) -> list[str]:
    """The warnings of a run whose model was pushed all the same."""
    assert online.wait(run)["state"] == "done"
    assert "adapter_model.safetensors" in expect_weights_in
    return [e["text"] for e in online.events(run) if e["kind"] == "warning"]


@LFS_ONLY
def test_what_cannot_be_tracked_is_told_before_training(
    online: CommandLine, hub: HubDouble
) -> None:
    hub.add_repo(repo_id="acme/smolfactory-experiments", kind="dataset")
    hub.add_repo(repo_id=EXPERIMENTS, kind="dataset", private=True)
    expect_refusals(
        online,
        {
            "tracking: dataset, owner: other": "can't write to other",
            "tracking: dataset, owner: stranger": "can't write to stranger",
            "tracking: dataset, owner: acme": "already exists and is public",
            "tracking: trackio": "is always public",
            "tracking: trackio, hub_private_repo: false": "is private",
        },
    )


@LFS_ONLY
def test_without_a_token_or_a_hub_there_is_no_tracking(online: CommandLine, hub: HubDouble) -> None:
    with_token = dict(online.environment)
    online.environment["HF_TOKEN"] = ""
    expect_refusals(online, {"tracking: dataset": "needs a Hugging Face token"})
    online.environment.update(with_token)
    hub.stop()
    expect_refusals(online, {"tracking: dataset": "did not respond"})


def expect_refusals(online: CommandLine, refusals: dict[str, str]) -> None:
    """What is told at output.tracking, and nowhere else, of each of these outputs."""
    told = online.refusals(*(f"version: 2\noutput: {{{output}}}\n" for output in refusals))
    for (output, words), fields in zip(refusals.items(), told, strict=True):
        assert list(fields) == ["output.tracking"], output
        assert words in fields["output.tracking"], output
