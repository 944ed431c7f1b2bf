"""Checkpoints synced to the Hub while a run trains."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT
from core.runs.checkpoints import newest_checkpoint
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
from tests.core.conftest import LFS_ONLY, TOKEN
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving
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


def wait_for_six_more_steps(command_line: CommandLine, run: str) -> None:
    command_line.wait_for_step(run, newest_step(command_line, run) + 6)


@LFS_ONLY
def test_a_refused_token_costs_copies_and_not_the_run_and_a_space_uploads_its_last_step(
    online: CommandLine, hub: HubDouble
) -> None:
    """The token is revoked amid an upload, and works again when the Space is restarted."""
    upload = hub.hold(path="/commit/", method="POST")
    with serving(online.home, **SPACE):
        run = online.start(LONG)
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
    run = online.start(LONG)
    online.wait_for_step(run, 6)
    with trainer_held(online):
        wait_until(lambda: synced(online, run)["problem"])
        assert fault.hits
    wait_for_six_more_steps(online, run)
    assert on_hub(hub, run)["state"] == "training"
    hub.heal()
    assert online("runs", "stop", run, "--now").returncode == 0
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
