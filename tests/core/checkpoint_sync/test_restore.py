"""Runs restored from the Hub: to the same weights, on one machine at a time, and nothing else."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.checkpoint_sync.manifest import Manifest
from core.checkpoint_sync.restore import _lay_out
from core.errors import UserError
from core.machine.source_tree import ROOT
from core.runs.checkpoints import newest_checkpoint
from core.runs.paths import RunPaths
from tests.command_line import CommandLine, environment_of, processes_of, taken_device
from tests.core.checkpoint_sync.synced_run import (
    ON_SPACE,
    UPLOADER,
    folder_of,
    lose_the_container,
    newest_step,
    on_hub,
    repo_of,
    sync_from_now_on,
    sync_once,
    synced,
    trainer_held,
)
from tests.core.conftest import LFS_ONLY, TOKEN, Learned
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving, sign_in_cookie
from tests.waiting import wait_until
from tests.warm import HUB_HOME


@pytest.mark.parametrize("hub", [True], indirect=True, ids=["xet"])
def test_runs_go_on_from_the_hub_to_the_same_weights_when_their_container_is_lost(
    online: CommandLine, hub: HubDouble, tiny_model: Path,
    stopped: str, finished: str, unbroken: Learned,
) -> None:  # fmt: skip
    """One trains when its machine goes away, and is restored by itself; one had trained to its end.

    The one that trains was stopped and pushed before: it can still go on.
    """
    online.environment.update(ON_SPACE)
    sync_from_now_on(online, stopped, auto_resume=True)
    sync_once(online, stopped)
    push_it_at_the_second_try(online, hub, stopped)
    # With its history, each commit can be looked into.
    hub.fail(path="/super-squash/", status=403, times=None)
    sync_from_now_on(online, finished)
    sync_once(online, finished)
    train_on_until_the_hub_knows(online, hub, stopped)
    lose_the_container(online, tiny_model=tiny_model)
    listed = json.loads(online("runs", "restorable", "--json").stdout)
    there = {each["run"]: each["step"] for each in listed}
    assert there.keys() == {stopped, finished}

    # As long as it trains: a Space that ends has its runs saved, or stopped while they start.
    environment = SPACE | hub.environment(home=HUB_HOME, token=TOKEN)
    with serving(online.home, **environment) as server:
        client = server.client(cookie=sign_in_cookie("acme"))
        assert client.predict(run=finished, api_name="/restore") == ("", finished)
        missing, _ = client.predict(run="another", api_name="/restore")
        assert "The Hub has no checkpoint of a run another" in missing
        wait_until(lambda: folder_of(online, stopped).exists())
        for run in (stopped, finished):
            status = online.wait(run)
            # What was pushed is not what it has learned by now.
            assert (status["state"], status["pushed_to"]) == ("done", None), online.log(run)
    for run in (stopped, finished):
        resumed = [e["step"] for e in online.events(run) if e["kind"] == "resumed"]
        assert resumed[-1] == there[run]
        # The one that was trained to its end took no further step.
        Learned.by(online, run).assert_same(unbroken)
    wait_until(lambda: not processes_of(online.home))
    check_that_each_commit_with_a_manifest_is_whole(hub, stopped)
    assert on_hub(hub, stopped)["state"] == "done"
    check_that_a_push_lets_the_checkpoints_go(online, hub, stopped)


def push_it_at_the_second_try(online: CommandLine, hub: HubDouble, run: str) -> None:
    """Push a run that was stopped. It is stopped afterwards, and its checkpoint is kept."""
    hub.fail(path="/ada/bot/commit/", status=403, times=None)
    failed = online("push", run, "ada/bot")
    assert failed.returncode == 1
    assert "Push again" in failed.stderr
    assert online.wait(run)["state"] == "stopped"
    # The Hub is told how it ended, which takes a busy machine longer than a push waits.
    wait_until(lambda: not processes_of(online.home))
    hub.heal()
    assert online("push", run, "ada/bot").returncode == 0
    wait_until(lambda: not processes_of(online.home))
    status = online.wait(run)
    assert (status["state"], status["pushed_to"]) == ("stopped", "ada/bot")
    assert (on_hub(hub, run)["step"], on_hub(hub, run)["state"]) == (status["step"], "stopped")


def train_on_until_the_hub_knows(online: CommandLine, hub: HubDouble, run: str) -> None:
    stopped_at = newest_step(online, run)
    online.resume(run)
    online.wait_for_step(run, stopped_at + 1)
    # The copy follows behind; the run must not have ended by then.
    with trainer_held(online):
        wait_until(lambda: on_hub(hub, run)["state"] == "training")
        # The history can't be dropped, so it is told what it takes up.
        wait_until(lambda: synced(online, run)["left_over"] > 0)
        assert hub.repo(repo_id=repo_of(run)).private


def check_that_each_commit_with_a_manifest_is_whole(hub: HubDouble, run: str) -> None:
    """A machine may go away between any two commits; a step is uploaded more than once."""
    whole = 0
    for sha in list(hub.repo(repo_id=repo_of(run)).history):
        files = hub.files(repo_id=repo_of(run), revision=sha)
        manifest = json.loads(files.get("manifest.json", b'{"files": {}}'))
        for name, there in manifest["files"].items():
            assert hashlib.sha256(files[name]).hexdigest() == there["sha256"], name
        whole += bool(manifest["files"])
    # It was synced on two machines, restored between, and ended.
    assert whole >= 4


def check_that_a_push_lets_the_checkpoints_go(
    online: CommandLine, hub: HubDouble, run: str
) -> None:
    """They are kept until the model is safe on the Hub."""
    assert hub.has_repo(repo_id=repo_of(run))
    assert online("push", run, "ada/bot").returncode == 0
    wait_until(lambda: not hub.has_repo(repo_id=repo_of(run)))
    files = [path for path in online.home.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


@LFS_ONLY
def test_what_was_changed_on_the_hub_is_not_resumed(
    online: CommandLine, hub: HubDouble, tiny_model: Path, stopped: str
) -> None:
    run = stopped
    sync_from_now_on(online, run)
    sync_once(online, run)
    assert synced(online, run)["step"] == online.wait(run)["step"]
    path = f"{on_hub(hub, run)['folder']}/checkpoint/optimizer.pt"
    whole = hub.files(repo_id=repo_of(run))[path]
    hub.commit(repo_id=repo_of(run), files={path: b"another's pickle"})
    lose_the_container(online, tiny_model=tiny_model)
    done = online("runs", "restore", run)
    assert done.returncode == 2
    assert "optimizer.pt is not on the Hub as it was uploaded" in done.stderr
    assert not folder_of(online, run).exists()

    hub.commit(repo_id=repo_of(run), files={path: whole})
    assert online("runs", "restore", run).returncode == 0
    assert online.wait(run)["state"] == "interrupted"
    assert online("runs", "restore", run).returncode == 2


@LFS_ONLY
def test_a_run_is_synced_from_one_machine_at_a_time_and_canceled_by_the_one_that_has_it(
    online: CommandLine, hub: HubDouble, tmp_path: Path, stopped: str
) -> None:
    run = stopped
    sync_from_now_on(online, run)
    elsewhere = CommandLine(
        tmp_path, environment_of(tmp_path) | hub.environment(home=HUB_HOME, token=TOKEN)
    )
    with subprocess.Popen(
        [sys.executable, "-m", UPLOADER, str(folder_of(online, run))],
        cwd=ROOT, env=online.environment,
    ) as uploader:  # fmt: skip
        wait_until(lambda: synced(online, run)["step"])
        manifest = on_hub(hub, run)
        assert manifest["state"] == "training"
        refused = elsewhere("runs", "restore", run)
        assert refused.returncode == 2
        assert "trains on another machine" in refused.stderr

        # The other machine is believed to be gone; it is not.
        silent = json.dumps(manifest | {"updated": "2026-01-01T00:00:00Z"}).encode()
        hub.commit(repo_id=repo_of(run), files={"manifest.json": silent})
        assert elsewhere("runs", "restore", run).returncode == 0
        assert elsewhere.wait(run)["state"] == "interrupted"
        save_another_step(online, run)
        uploader.terminate()
        assert uploader.wait(60) == 1
    assert "restored on another machine" in synced(online, run)["problem"]
    taken = on_hub(hub, run)
    assert (taken["step"], taken["restored"]) == (manifest["step"], 1)
    assert taken["holder"] != manifest["holder"]
    assert taken["state"] == "training"
    # Nothing newer was sent there, nor among the files of another.
    folders = {path.split("/")[0] for path in hub.files(repo_id=repo_of(run)) if "/" in path}
    assert folders == {manifest["folder"]}

    # Canceled here, it stays there for the other machine; canceled there, nothing of it is left.
    cancel_while_it_waits(online, run)
    assert hub.has_repo(repo_id=repo_of(run))
    cancel_while_it_waits(elsewhere, run)
    assert not hub.has_repo(repo_id=repo_of(run))


def save_another_step(command_line: CommandLine, run: str) -> None:
    """Have a newer checkpoint, as after some more training."""
    newest = newest_checkpoint(folder_of(command_line, run) / "checkpoints")
    assert newest is not None
    shutil.copytree(newest.path, newest.path.with_name(f"checkpoint-{newest.step + 1}"))


def cancel_while_it_waits(command_line: CommandLine, run: str) -> None:
    """Returns once nothing works on it any more: also its copy on the Hub was seen to."""
    with taken_device(command_line.home):
        command_line.resume(run)
        assert command_line.status(run)["state"] == "queued"
        command_line.cancel(run)
    wait_until(lambda: not processes_of(command_line.home))
    assert command_line.status(run)["state"] == "canceled"


@pytest.mark.parametrize(
    "name", ["step-5/checkpoint//etc/x", "data//etc/x", "data/../../x", "/x", "./config.yaml"]
)
def test_a_manifest_names_no_file_outside_its_run(tmp_path: Path, name: str) -> None:
    outside = Manifest.model_validate(
        {
            "run": "20260101-000000-00000000", "name": "bot", "step": 5, "total": 9,
            "state": "training", "updated": "2026-01-01T00:00:00Z", "auto_resume": True,
            "folder": "step-5",
            "holder": "", "files": {name: {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}},
        }
    )  # fmt: skip
    with pytest.raises(UserError, match="no file of a run"):
        _lay_out(tmp_path, outside, paths=RunPaths(tmp_path / "run"))
