"""Trackio's Space: it draws all runs, and is never in a push's way."""

import json
import shutil
from io import BytesIO

import pytest
from pyarrow import parquet

from tests.command_line import CommandLine
from tests.core.conftest import TOKEN
from tests.core.publish.tracked import (
    EXPERIMENTS,
    card_of,
    rows_measured,
    rows_tracked,
    send_curves,
    track,
)
from tests.hub import HubDouble

pytestmark = pytest.mark.process

# Trackio keeps its data in a bucket, and buckets take nothing but Xet.
THROUGH_XET = pytest.mark.parametrize("hub", [True], indirect=True, ids=["xet"])

SPACE = "ada/smolfactory-trackio"
BUCKET = "ada/smolfactory-trackio-data"


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
    send_curves(online, first)
    assert online("push", second, "ada/bot", "--public").returncode == 0
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
    assert online.wait(trained)["state"] == "done"
    assert hub.files(repo_id=SPACE, kind="space")["app.py"] == b"mine"
    (warning,) = [e["text"] for e in online.events(trained) if e["kind"] == "warning"]
    assert "'gradio' Space" in warning
    assert "Traceback" not in online.log(trained)
    assert rows_tracked(hub, trained) == rows_measured(online, trained)
    assert "trackio" not in card_of(hub)[1]
