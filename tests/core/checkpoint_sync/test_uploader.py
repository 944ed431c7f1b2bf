"""Checkpoints synced to the Hub while a run trains."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, environment_of, processes_of, taken_device
from tests.core.checkpoint_sync.synced_run import (
    LONG,
    SYNCED_RUN,
    on_hub,
    repo_of,
    sync_stopped,
    synced,
)
from tests.core.conftest import LFS_ONLY, TOKEN, Learned
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving
from tests.waiting import wait_until

# An uploader that gives a sign of life every moment.
RESTLESS = """
import sys
from datetime import timedelta
from core.checkpoint_sync import manifest, uploader
manifest.HEARTBEAT = uploader.HEARTBEAT = timedelta(0)
sys.exit(uploader.main())
"""


@LFS_ONLY
def test_a_stopped_run_that_is_pushed_can_still_go_on(
    online: CommandLine, hub: HubDouble, unbroken: Learned
) -> None:
    run = online.start(SYNCED_RUN)
    online.wait_for_step(run, 3)
    assert online("runs", "stop", run).returncode == 0
    wait_until(lambda: not processes_of(online.home))

    hub.fail(path="/ada/bot/commit/", status=500, times=None)
    failed = online("push", run, "ada/bot")
    assert failed.returncode == 1
    assert "Push again" in failed.stderr
    assert online.status(run)["state"] == "stopped"
    hub.heal()
    assert online("push", run, "ada/bot").returncode == 0
    wait_until(lambda: not processes_of(online.home))
    status = online.status(run)
    assert (status["state"], status["pushed_to"]) == ("stopped", "ada/bot")
    assert on_hub(hub, run)["step"] == status["step"]

    assert online("runs", "resume", run, "--follow").returncode == 0
    status = online.status(run)
    # What was pushed is not what it has learned by now.
    assert (status["state"], status["pushed_to"]) == ("done", None)
    Learned.by(online, run).assert_same(unbroken)


@LFS_ONLY
def test_each_commit_with_a_manifest_is_whole(online: CommandLine, hub: HubDouble) -> None:
    """A machine may go away between any two commits; the last step is uploaded more than once."""
    run = online.start(SYNCED_RUN.replace("max_steps: 40", "max_steps: 6"))
    repo = repo_of(run)
    broken: list[str] = []

    def is_through() -> bool:
        if hub.has_repo(repo_id=repo):
            files = hub.files(repo_id=repo)
            manifest = json.loads(files.get("manifest.json", b'{"files": {}}'))
            broken.extend(
                name
                for name, there in manifest["files"].items()
                if hashlib.sha256(files[name]).hexdigest() != there["sha256"]
            )
        return not processes_of(online.home)

    wait_until(is_through)
    assert online.status(run)["state"] == "done"
    assert json.loads(hub.files(repo_id=repo)["manifest.json"])["state"] == "done"
    assert broken == []


@LFS_ONLY
def test_a_space_that_is_restarted_uploads_its_last_step(online: CommandLine) -> None:
    run = online.start(LONG.replace("save_steps: 5", "save_steps: 1000"))
    online.wait_for_step(run, 2)
    with serving(online.home, **SPACE):
        pass
    assert online.wait(run)["state"] == "interrupted"
    saved = [e["step"] for e in online.events(run) if e["kind"] == "checkpoint"]
    assert saved[-1] >= 2
    wait_until(lambda: synced(online, run)["step"] == saved[-1])


@LFS_ONLY
def test_faults_of_the_hub_cost_copies_and_not_the_run(online: CommandLine, hub: HubDouble) -> None:
    fault = hub.fail(path="/commit/", method="POST", status=503, times=None)
    run = online.start(LONG)
    wait_until(lambda: synced(online, run)["problem"])
    assert fault.hits
    hub.heal()
    wait_until(lambda: synced(online, run)["step"] >= 5)
    assert synced(online, run)["problem"] == ""

    hub.revoke(token=TOKEN)
    wait_until(lambda: synced(online, run)["problem"])
    assert "does not accept this token" in synced(online, run)["problem"]
    online.wait_for_step(run, synced(online, run)["step"] + 6)
    assert online("runs", "stop", run, "--now").returncode == 0


@LFS_ONLY
def test_a_long_upload_does_not_look_like_a_machine_that_went_away(
    online: CommandLine, hub: HubDouble
) -> None:
    run = online.start(LONG.replace("sync_checkpoints: true", "sync_checkpoints: false"))
    with subprocess.Popen(
        [sys.executable, "-c", RESTLESS, str(online.home / "runs" / run)],
        cwd=ROOT, env=online.environment,
    ) as uploader:  # fmt: skip
        wait_until(lambda: synced(online, run)["step"] >= 5)
        hold = hub.hold(path="/lfs/objects/batch", method="POST")
        assert hold.reached.wait(60)
        seen = [on_hub(hub, run)]
        for _ in range(2):
            wait_until(lambda: on_hub(hub, run)["updated"] > seen[-1]["updated"])
            seen.append(on_hub(hub, run))
        assert {each["step"] for each in seen} == {seen[0]["step"]}
        hold.release()
        wait_until(lambda: synced(online, run)["step"] > seen[0]["step"])
        # What is named is whole.
        files = hub.files(repo_id=repo_of(run))
        assert set(json.loads(files["manifest.json"])["files"]) <= files.keys()
        assert online("runs", "stop", run, "--now").returncode == 0
        uploader.terminate()


@LFS_ONLY
def test_a_canceled_run_leaves_nothing_on_the_hub(online: CommandLine, hub: HubDouble) -> None:
    run = online.start(LONG)
    wait_until(lambda: synced(online, run)["step"] >= 5)
    assert online("runs", "stop", run, "--now").returncode == 0
    wait_until(lambda: not hub.has_repo(repo_id=repo_of(run)))


@LFS_ONLY
def test_a_run_that_is_called_off_while_it_waits_leaves_nothing_either(
    online: CommandLine, hub: HubDouble, stopped: str
) -> None:
    sync_stopped(online, stopped)
    assert hub.has_repo(repo_id=repo_of(stopped))
    with taken_device(online.home):
        assert online("runs", "resume", stopped).returncode == 0
        assert online.status(stopped)["state"] == "queued"
        assert online("runs", "stop", stopped, "--now").returncode == 0
        wait_until(lambda: not hub.has_repo(repo_id=repo_of(stopped)))


@pytest.mark.process
def test_without_a_token_it_is_refused_before_training(home: Path) -> None:
    file = home / "run.yaml"
    file.write_text(SYNCED_RUN, encoding="utf-8")
    done = CommandLine(home, environment_of(home))("train", str(file), "--json")
    assert done.returncode == 2
    assert (
        "needs a Hugging Face token" in json.loads(done.stdout)["fields"]["output.sync_checkpoints"]
    )
