"""Measurements that go to the Hub: all of a run's and only its own, or nothing at all."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset
from huggingface_hub import ModelCard
from pyarrow import parquet

from core.machine.source_tree import ROOT
from tests.conftest import CommandLine, processes_of
from tests.core.conftest import SHORT, TOKEN
from tests.hub import HubDouble

pytestmark = pytest.mark.process

EXPERIMENTS = "ada/smolfactory-experiments"
TRACKED = SHORT.replace("push_to_hub: true", "tracking: dataset")
# What these tests ask of the Hub goes the same way whichever way large files go.
ONE_WAY = pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])

# Trackio keeps its data in a bucket, and buckets take nothing but Xet.
THROUGH_XET = pytest.mark.parametrize("hub", [True], indirect=True, ids=["xet"])
SPACE = "ada/smolfactory-trackio"
BUCKET = "ada/smolfactory-trackio-data"

Row = tuple[str, int, str, float | None]


@ONE_WAY
def test_a_run_puts_its_measurements_into_a_private_dataset(
    online: CommandLine, hub: HubDouble
) -> None:
    run = online.start(TRACKED)
    assert online.wait(run)["state"] == "done", online.log(run)
    assert hub.repo(repo_id=EXPERIMENTS, kind="dataset").private
    assert not hub.has_repo(repo_id="ada/bot")
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


@ONE_WAY
def test_another_run_adds_to_the_dataset_and_its_card_shows_all(
    online: CommandLine, hub: HubDouble, trained: str, tmp_path: Path
) -> None:
    track(online, trained)
    assert online("push", trained, "ada/bot").returncode == 0
    before = hub.files(repo_id=EXPERIMENTS, kind="dataset")
    # It measures other things: nothing is held out.
    run = trained[:-8] + "0" * 8
    shutil.copytree(online.home / "runs" / trained, online.home / "runs" / run)
    measured = [e for e in online.events(run) if e["kind"] not in ("evaluation", "tracked")]
    lines = "".join(json.dumps(event) + "\n" for event in measured)
    (online.home / "runs" / run / "events.jsonl").write_text(lines, encoding="utf-8")
    assert online("push", run, "ada/other").returncode == 0
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


@ONE_WAY
def test_the_models_card_names_the_place_and_a_second_push_sends_nothing_again(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    assert online("push", trained, "ada/bot").returncode == 0
    card = hub.files(repo_id="ada/bot")["README.md"].decode()
    assert f"[{EXPERIMENTS}]({hub.url(repo_id=EXPERIMENTS, kind='dataset')})" in card
    sent = hub.count(path=EXPERIMENTS)
    assert online("push", trained, "ada/bot").returncode == 0
    assert hub.count(path=EXPERIMENTS) == sent


@ONE_WAY
def test_what_is_measured_again_after_a_resume_is_told_once(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    events = online.home / "runs" / trained / "events.jsonl"
    metric = {"kind": "metric", "step": 3, "values": {"loss": 0.125, "grad_norm": None}}
    with events.open("a", encoding="utf-8") as file:
        for fact in ({"kind": "resumed", "step": 2}, metric):
            file.write(json.dumps(fact) + "\n")
    assert online("push", trained, "ada/bot").returncode == 0
    rows = rows_tracked(hub, trained)
    assert {row for row in rows if row[1] > 2} == {
        (trained, 3, "loss", 0.125), (trained, 3, "grad_norm", None),
    }  # fmt: skip
    assert {row[1] for row in rows} == {1, 2, 3}


@ONE_WAY
def test_a_fault_of_the_hub_costs_a_warning_and_not_the_push(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    fault = hub.fail(path="/api/datasets/", status=500, times=None)
    assert online("push", trained, "ada/bot").returncode == 0
    assert fault.hits
    assert online.status(trained)["state"] == "done"
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/bot")
    (warning,) = [e["text"] for e in online.events(trained) if e["kind"] == "warning"]
    assert warning.startswith("The curves are not on the Hub: ")
    assert "Traceback" not in online.log(trained)
    assert "Every measurement" not in hub.files(repo_id="ada/bot")["README.md"].decode()

    hub.heal()
    assert online("push", trained, "ada/bot").returncode == 0
    assert rows_tracked(hub, trained) == rows_measured(online, trained)


@ONE_WAY
def test_a_killed_tracking_costs_a_warning_and_not_the_push(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    hold = hub.hold(path="/api/datasets/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", trained, "ada/bot"],
        cwd=ROOT, env=online.environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert hold.reached.wait(60)
    assert online.status(trained)["note"] == "Sending the curves to the Hub…"
    (sender,) = [p for p in processes_of(online.home) if "core.publish.tracking" in p.cmdline()]
    sender.kill()
    assert push.wait(timeout=120) == 0
    hold.release()
    (warning,) = [e["text"] for e in online.events(trained) if e["kind"] == "warning"]
    assert "ended early (signal SIGKILL)" in warning
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/bot")


@ONE_WAY
def test_two_that_write_at_once_both_get_through(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained)
    faults = [
        hub.fail(path=f"/{EXPERIMENTS}/commit/", method="POST", status=status, times=1)
        for status in (409, 412)
    ]
    assert online("push", trained, "ada/bot").returncode == 0
    assert [fault.hits for fault in faults] == [1, 1]
    assert rows_tracked(hub, trained) == rows_measured(online, trained)


@ONE_WAY
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
            "tracking: trackio": "for everybody to see",
            "tracking: trackio, hub_private_repo: false": "would show everybody all runs",
        },
    )


@ONE_WAY
def test_without_a_token_or_a_hub_there_is_no_tracking(online: CommandLine, hub: HubDouble) -> None:
    with_token = dict(online.environment)
    online.environment["HF_TOKEN"] = ""
    expect_refusals(online, {"tracking: dataset": "needs a Hugging Face token"})
    online.environment.update(with_token)
    hub.stop()
    expect_refusals(online, {"tracking: dataset": "gives no answer"})


@THROUGH_XET
def test_trackio_draws_all_runs_where_everybody_sees_them(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    # As where SmolFactory itself is a Space.
    online.environment["SYSTEM"] = "spaces"
    first, second = trained, trained[:-8] + "0" * 8
    shutil.copytree(online.home / "runs" / first, online.home / "runs" / second)
    for run in (first, second):
        track(online, run, "trackio")
        assert online("push", run, "ada/bot", "--public").returncode == 0
    drawn = hub.bucket_files(bucket_id=BUCKET)["metrics.parquet"]
    points = {
        (row["run_name"], row["step"], name, row[name])
        for row in parquet.read_table(BytesIO(drawn)).to_pylist()
        for name in ("loss", "eval_loss")
        if row[name] is not None
    }
    assert points == {
        row
        for run in (first, second)
        for row in rows_measured(online, run)
        if row[2] in ("loss", "eval_loss")
    }

    space = hub.repo(repo_id=SPACE, kind="space")
    assert space.sdk == "static"
    assert not space.private
    assert not hub.repo(repo_id=EXPERIMENTS, kind="dataset").private
    # Trackio gives its other kind of Space the token to keep.
    assert hub.count(path="/secrets") == 0
    shown = hub.files(repo_id=SPACE, kind="space")
    assert json.loads(shown["config.json"])["bucket_id"] == BUCKET
    assert not any(TOKEN.encode() in content for content in shown.values())
    url = hub.url(repo_id=SPACE, kind="space")
    text, tags = card_of(hub)
    assert {"trackio", f"trackio:{url}"} <= tags
    assert f"[Trackio]({url})" in text


@THROUGH_XET
def test_a_space_that_cannot_be_made_costs_a_warning_and_is_owed(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    track(online, trained, "trackio")
    # Somebody's own Trackio Space, with a server of its own.
    hub.add_repo(repo_id=SPACE, kind="space", sdk="gradio", files={"app.py": b"mine"})
    assert online("push", trained, "ada/bot", "--public").returncode == 0
    assert online.status(trained)["state"] == "done"
    assert hub.files(repo_id=SPACE, kind="space")["app.py"] == b"mine"
    (warning,) = [e["text"] for e in online.events(trained) if e["kind"] == "warning"]
    assert "'gradio' Space" in warning
    assert "Traceback" not in online.log(trained)
    assert rows_tracked(hub, trained) == rows_measured(online, trained)
    assert "trackio" not in card_of(hub)[1]


def track(online: CommandLine, run: str, tracking: str = "dataset") -> None:
    """Have a run that has trained ask for tracking, as if it had from the start."""
    config = online.home / "runs" / run / "config.yaml"
    text = config.read_text(encoding="utf-8")
    assert "tracking: none" in text
    text = text.replace("tracking: none", f"tracking: {tracking}")
    if tracking == "trackio":
        text = text.replace("hub_private_repo: true", "hub_private_repo: false")
    config.write_text(text, encoding="utf-8")


def expect_refusals(online: CommandLine, refusals: dict[str, str]) -> None:
    """What is told at output.tracking, and nowhere else, of each of these outputs."""
    told = online.refusals(*(f"version: 2\noutput: {{{output}}}\n" for output in refusals))
    for (output, words), fields in zip(refusals.items(), told, strict=True):
        assert list(fields) == ["output.tracking"], output
        assert words in fields["output.tracking"], output


def card_of(hub: HubDouble) -> tuple[str, set[str]]:
    """The text and the tags of the model's card."""
    card = ModelCard(hub.files(repo_id="ada/bot")["README.md"].decode())
    return card.text, set(card.data.to_dict()["tags"])


def rows_measured(online: CommandLine, run: str) -> set[Row]:
    """Every number of the run's events."""
    events = [e for e in online.events(run) if e["kind"] in ("metric", "evaluation")]
    return {
        (run, event["step"], name, value)
        for event in events
        for name, value in event["values"].items()
    }


def rows_tracked(hub: HubDouble, run: str) -> set[Row]:
    """The rows of the run's file in the dataset."""
    content = hub.files(repo_id=EXPERIMENTS, kind="dataset")[f"metrics/{run}.parquet"]
    rows = [tuple(row.values()) for row in parquet.read_table(BytesIO(content)).to_pylist()]
    assert max(Counter(rows).values()) == 1
    return set(rows)
