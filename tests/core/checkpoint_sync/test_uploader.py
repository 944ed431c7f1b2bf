"""Checkpoints synced to the Hub while a run trains."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.checkpoint_sync.staging import stage
from core.checkpoint_sync.status import SyncStatus, sync_status
from core.checkpoint_sync.uploader import CheckpointUploader
from core.config.parse import parse_config
from core.hub.upload import LARGEST_IN_GIT
from core.machine.source_tree import ROOT
from core.runs.checkpoint_files import saved_files, write_manifest
from core.runs.checkpoints import checkpoint_folder, newest_checkpoint
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from tests.command_line import CommandLine, environment_of, processes_of
from tests.core.checkpoint_sync.synced_run import (
    LONG,
    SYNCED_RUN,
    folder_of,
    newest_step,
    on_hub,
    repo_of,
    synced,
    trainer_held,
)
from tests.core.conftest import LFS_ONLY, NEAR_TOKEN, TOKEN
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving
from tests.saved_checkpoint import save_checkpoint
from tests.waiting import wait_until

# An uploader that gives a sign of life every moment, and rests neither after a sync nor a fault.
RESTLESS = """
import sys
from datetime import timedelta
from core.checkpoint_sync import manifest, uploader
manifest.HEARTBEAT = uploader.HEARTBEAT = timedelta(0)
uploader.REST, uploader.RETRY_SECONDS = 0, 0.1
sys.exit(uploader.main())
"""


OPTIMIZER = "optimizer.pt"


def truncate(optimizer: Path) -> None:
    os.truncate(optimizer, 5)


def overwrite(optimizer: Path) -> None:
    size = optimizer.stat().st_size
    # A new file: what an earlier upload has linked to is not this one.
    optimizer.unlink()
    optimizer.write_bytes(b"x" * size)


def rot(optimizer: Path) -> None:
    """The disk has other bytes, and nobody has written them."""
    before = optimizer.stat()
    overwrite(optimizer)
    os.utime(optimizer, ns=(before.st_atime_ns, before.st_mtime_ns))


DAMAGES = pytest.mark.parametrize("break_it", [truncate, overwrite, rot])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run that was interrupted, for uploaders in this process."""
    monkeypatch.setattr("core.hub.upload.PAUSE_SECONDS", 0)
    before = signal.getsignal(signal.SIGTERM)
    config = parse_config({"output": {"name": "bot", "sync_checkpoints": True}})
    made, _ = RunStore(tmp_path / "home").create(config, files={}, submission=uuid.uuid4().hex)
    made.paths.resolved.touch()
    made.paths.events.touch()
    made.write_status(made.status().model_copy(update={"state": RunState.INTERRUPTED}))
    yield made
    signal.signal(signal.SIGTERM, before)


def save(run: Run, *, step: int) -> Path:
    """Save a checkpoint with a large file. Returns that file."""
    checkpoint = save_checkpoint(run.paths.checkpoints, step=step, has_manifest=False)
    (checkpoint / OPTIMIZER).write_bytes(bytes([step]) * (LARGEST_IN_GIT + 1))
    write_manifest(checkpoint)
    return checkpoint / OPTIMIZER


def sync(run: Run) -> None:
    assert CheckpointUploader(run, token=NEAR_TOKEN, here="here").work(once=True)


def optimizers(hub: HubDouble, run: Run) -> list[tuple[int, int]]:
    """Of each optimizer on the Hub, its step and the byte that it consists of."""
    files = hub.files(repo_id=repo_of(run.id)).items()
    there = [(path, content[0]) for path, content in files if path.endswith(OPTIMIZER)]
    return sorted((int(path.split("-")[1]), byte) for path, byte in there)


@DAMAGES
def test_an_older_checkpoint_does_not_replace_a_whole_one_on_the_hub(
    near_hub: HubDouble, run: Run, break_it: Callable[[Path], None]
) -> None:
    save(run, step=20)
    newest = save(run, step=40)
    sync(run)
    break_it(newest)
    # What this home knew of the sync may be lost as well.
    run.paths.sync_status.unlink()
    run.write_status(run.status().model_copy(update={"state": RunState.STOPPED}))
    sync(run)
    assert optimizers(near_hub, run) == [(40, 40)]
    assert (on_hub(near_hub, run.id)["step"], on_hub(near_hub, run.id)["state"]) == (40, "stopped")
    save(run, step=60)
    sync(run)
    assert optimizers(near_hub, run) == [(60, 60)]
    for step in (20, 40, 60):
        truncate(checkpoint_folder(run.paths.checkpoints, step=step) / OPTIMIZER)
    run.write_status(run.status().model_copy(update={"state": RunState.FAILED}))
    sync(run)
    assert (on_hub(near_hub, run.id)["step"], on_hub(near_hub, run.id)["state"]) == (60, "failed")


def test_what_the_trainer_hashed_is_not_read_again(run: Run) -> None:
    optimizer = save(run, step=20)
    rot(optimizer)
    newest = newest_checkpoint(run.paths.checkpoints)
    assert newest is not None
    (print_of_it,) = (
        each
        for path, each in stage(newest, paths=run.paths, here="here").closed_files().items()
        if path.endswith(OPTIMIZER)
    )
    assert print_of_it.sha256 == saved_files(newest.path)[OPTIMIZER].sha256


@DAMAGES
def test_a_damaged_checkpoint_is_not_synced_and_the_one_before_it_is(
    near_hub: HubDouble, run: Run, break_it: Callable[[Path], None]
) -> None:
    save(run, step=20)
    break_it(save(run, step=40))
    sync(run)
    assert on_hub(near_hub, run.id)["step"] == 20
    assert optimizers(near_hub, run) == [(20, 20)]
    status = sync_status(run)
    assert status is not None
    assert status.step == 20
    told = "The checkpoint of step 40 is damaged: optimizer.pt is not as it was saved."
    assert status.problem == ("" if break_it is truncate else told)
    # What it was uploaded from would keep the trainer from freeing the disk.
    assert not run.paths.sync_staging.exists()


def test_a_hub_without_a_whole_checkpoint_is_asked_at_leisure(
    near_hub: HubDouble, run: Run
) -> None:
    truncate(save(run, step=20))
    before = SyncStatus(repo=repo_of(run.id), step=20)
    run.paths.sync_status.write_text(before.model_dump_json(), encoding="utf-8")
    uploader = CheckpointUploader(run, token=NEAR_TOKEN, here="here")
    uploader._sync_if_due(is_last=False)
    asked = len(near_hub.requests)
    uploader._sync_if_due(is_last=False)
    assert len(near_hub.requests) == asked > 0


def wait_for_six_more_steps(command_line: CommandLine, run: str) -> None:
    command_line.wait_for_step(run, newest_step(command_line, run) + 6)


@LFS_ONLY
def test_a_refused_token_costs_copies_and_not_the_run_and_a_space_uploads_its_last_step(
    online: CommandLine, hub: HubDouble
) -> None:
    """The token is revoked amid an upload, and works again when the Space is restarted."""
    upload = hub.hold(path="/commit/", method="POST")
    with serving(online.home, **SPACE):
        run = online.begin(LONG)
        assert upload.reached.wait(100)
        with trainer_held(online):
            hub.revoke(token=TOKEN)
            upload.release()
            wait_until(lambda: synced(online, run)["problem"])
            assert "does not accept this token" in synced(online, run)["problem"]
        wait_for_six_more_steps(online, run)
        assert synced(online, run)["step"] == 0
        hub.add_user(name="ada", token=TOKEN)
    assert online.wait(run)["state"] == "interrupted"
    wait_until(lambda: not processes_of(online.home))
    last = newest_step(online, run)
    assert [e["step"] for e in online.events(run) if e["kind"] == "checkpoint"][-1] == last
    assert (synced(online, run)["step"], synced(online, run)["problem"]) == (last, "")
    assert (on_hub(hub, run)["step"], on_hub(hub, run)["state"]) == (last, "interrupted")


@LFS_ONLY
def test_lost_answers_do_not_cost_the_run_and_canceled_it_leaves_nothing_on_the_hub(
    online: CommandLine, hub: HubDouble
) -> None:
    fault = hub.fail(path="/commit/", method="POST", status=503, times=None, after=True)
    run = online.begin(LONG)
    online.wait_for_step(run, 6)
    with trainer_held(online):
        wait_until(lambda: synced(online, run)["problem"])
        assert fault.hits
    wait_for_six_more_steps(online, run)
    assert on_hub(hub, run)["state"] == "training"
    hub.heal()
    online.cancel(run)
    wait_until(lambda: not hub.has_repo(repo_id=repo_of(run)))


@LFS_ONLY
def test_a_fault_is_made_up_for_and_a_long_upload_does_not_look_like_a_machine_that_went_away(
    online: CommandLine, hub: HubDouble, finished: str, tmp_path: Path
) -> None:
    run = finished
    newest = newest_checkpoint(folder_of(online, run) / "checkpoints")
    assert newest is not None
    # Its run will seem to save it once the one before is on the Hub.
    newest.path.rename(tmp_path / newest.path.name)
    hub.fail(path="/repos/create", method="POST", status=503, times=None)
    with subprocess.Popen(
        [sys.executable, "-c", RESTLESS, str(folder_of(online, run))],
        cwd=ROOT, env=online.environment,
    ) as uploader:  # fmt: skip
        wait_until(lambda: synced(online, run)["problem"])
        hub.heal()
        wait_until(lambda: synced(online, run)["step"])
        assert synced(online, run)["problem"] == ""

        hold = hub.hold(path="/lfs/objects/batch", method="POST")
        (tmp_path / newest.path.name).rename(newest.path)
        assert hold.reached.wait(60)
        seen = [on_hub(hub, run)]
        for _ in range(2):
            wait_until(lambda: on_hub(hub, run)["updated"] > seen[-1]["updated"])
            seen.append(on_hub(hub, run))
        assert {(each["step"], each["state"]) for each in seen} == {(seen[0]["step"], "training")}
        hold.release()
        wait_until(lambda: synced(online, run)["step"] == newest.step)
        # What is named is whole.
        files = hub.files(repo_id=repo_of(run))
        assert set(json.loads(files["manifest.json"])["files"]) <= files.keys()

        uploader.terminate()
        assert uploader.wait(60) == 0
    assert (on_hub(hub, run)["step"], on_hub(hub, run)["state"]) == (newest.step, "done")


@pytest.mark.process
def test_without_a_token_it_is_refused_before_training(home: Path) -> None:
    file = home / "run.yaml"
    file.write_text(SYNCED_RUN, encoding="utf-8")
    done = CommandLine(home, environment_of(home))("train", str(file), "--json")
    assert done.returncode == 2
    assert (
        "needs a Hugging Face token" in json.loads(done.stdout)["fields"]["output.sync_checkpoints"]
    )
