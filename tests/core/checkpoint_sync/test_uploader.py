"""Checkpoints synced to the Hub while a run trains, and runs restored from there."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.checkpoint_sync.manifest import Manifest
from core.checkpoint_sync.restore import _lay_out
from core.errors import UserError
from core.machine.source_tree import ROOT
from core.runs.paths import RunPaths
from tests.conftest import (
    CommandLine,
    end_processes_of,
    environment_of,
    processes_of,
    taken_device,
    wait_until,
)
from tests.core.conftest import FORTY_STEPS, TOKEN, Learned
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving, sign_in_cookie

# A Space is the same after its home was wiped.
ON_SPACE = {"SPACE_ID": SPACE["SPACE_ID"]}
KEPT = FORTY_STEPS + "output: {name: bot, sync_checkpoints: true}\n"
# Long enough to be broken at any moment.
LONG = KEPT.replace("max_steps: 40", "max_steps: 100000")
# A keeper that gives a sign of life every moment.
RESTLESS = """
import sys
from datetime import timedelta
from core.checkpoint_sync import manifest, uploader
manifest.HEARTBEAT = uploader.HEARTBEAT = timedelta(0)
sys.exit(uploader.main())
"""
LFS_ONLY = pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])


def synced(command_line: CommandLine, run: str) -> dict[str, Any]:
    """What the run's own folder says of its keeping."""
    path = command_line.home / "runs" / run / "checkpoint_sync.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"step": 0, "problem": ""}


def newest_checkpoint_of(command_line: CommandLine, run: str) -> int:
    return max(int(e["step"]) for e in command_line.events(run) if e["kind"] == "checkpoint")


def repo_of(run: str) -> str:
    return f"ada/smolfactory-run-{run}"


def on_hub(hub: HubDouble, run: str) -> dict[str, Any]:
    return dict(json.loads(hub.files(repo_id=repo_of(run))["manifest.json"]))


def sync_stopped(command_line: CommandLine, run: str) -> None:
    """Have a stopped run be one whose checkpoints are synced, and sync its last, as at its end."""
    folder = command_line.home / "runs" / run
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    assert "sync_checkpoints: false" in text
    text = text.replace("sync_checkpoints: false", "sync_checkpoints: true")
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "core.checkpoint_sync.uploader", str(folder), "once"],
        cwd=ROOT, env=command_line.environment, timeout=100, check=True,
    )  # fmt: skip


def lose_the_container(command_line: CommandLine, *, tiny_model: Path) -> None:
    """Nothing of the machine is left but the program."""
    end_processes_of(command_line.home, grace=0)
    shutil.rmtree(command_line.home)
    shutil.copytree(tiny_model, command_line.home / "models" / "SmolLM2-135M-Instruct")


def test_a_run_goes_on_from_the_hub_to_the_same_weights_when_its_container_is_lost(
    online: CommandLine, hub: HubDouble, tiny_model: Path, unbroken: Learned
) -> None:
    online.environment.update(ON_SPACE)
    run = online.start(KEPT.replace("sync_checkpoints:", "auto_resume: true, sync_checkpoints:"))
    online.wait_for_step(run, 11)
    # The copy follows behind; the run must not have ended by then.
    next(p for p in processes_of(online.home) if "core.train" in p.cmdline()).suspend()
    wait_until(lambda: synced(online, run)["step"] >= 10)
    lose_the_container(online, tiny_model=tiny_model)
    assert hub.repo(repo_id=repo_of(run)).private
    (found,) = json.loads(online("runs", "restorable", "--json").stdout)
    assert found["run"] == run

    environment = SPACE | hub.environment(home=online.home / "hf", token=TOKEN)
    # As long as it trains: a Space that ends has its runs saved, or stopped while they start.
    with serving(online.home, **environment):
        wait_until(lambda: (online.home / "runs" / run).exists())
        assert online.wait(run)["state"] == "done", online.log(run)
    assert [e["step"] for e in online.events(run) if e["kind"] == "resumed"] == [found["step"]]
    Learned.by(online, run).assert_same(unbroken)

    # Once the model is safe on the Hub, the checkpoint is let go.
    wait_until(lambda: not processes_of(online.home))
    assert hub.has_repo(repo_id=repo_of(run))
    assert online("push", run, "ada/bot").returncode == 0
    wait_until(lambda: not hub.has_repo(repo_id=repo_of(run)))
    files = [path for path in online.home.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


@LFS_ONLY
def test_a_run_that_was_trained_to_its_end_takes_no_further_step(
    online: CommandLine, hub: HubDouble, tiny_model: Path, unbroken: Learned
) -> None:
    online.environment.update(ON_SPACE)
    run = online.start(KEPT)
    wait_until(lambda: synced(online, run)["step"] == 40)
    lose_the_container(online, tiny_model=tiny_model)
    environment = SPACE | hub.environment(home=online.home / "hf", token=TOKEN)
    with serving(online.home, **environment) as server:
        client = server.client(cookie=sign_in_cookie("acme"))
        told, restored = client.predict(run=run, api_name="/restore")
        assert (told, restored) == ("", run)
        missing, _ = client.predict(run="another", api_name="/restore")
        assert "The Hub has no such run" in missing
        assert online.wait(run)["state"] == "done", online.log(run)
    Learned.by(online, run).assert_same(unbroken)


@LFS_ONLY
def test_a_stopped_run_that_is_pushed_can_still_go_on(
    online: CommandLine, hub: HubDouble, unbroken: Learned
) -> None:
    run = online.start(KEPT)
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
    """A machine may go away between any two commits; the last step is kept more than once."""
    run = online.start(KEPT.replace("max_steps: 40", "max_steps: 6"))
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
def test_a_space_that_is_restarted_keeps_its_last_step(online: CommandLine) -> None:
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
def test_what_was_changed_on_the_hub_is_not_resumed(
    online: CommandLine, hub: HubDouble, tiny_model: Path, stopped: str
) -> None:
    run = stopped
    sync_stopped(online, run)
    assert synced(online, run)["step"] == online.status(run)["step"]
    path = f"{on_hub(hub, run)['folder']}/checkpoint/optimizer.pt"
    whole = hub.files(repo_id=repo_of(run))[path]
    hub.commit(repo_id=repo_of(run), files={path: b"another's pickle"})
    lose_the_container(online, tiny_model=tiny_model)
    done = online("runs", "restore", run)
    assert done.returncode == 2
    assert "optimizer.pt is not on the Hub as it was uploaded" in done.stderr
    assert not (online.home / "runs" / run).exists()

    hub.commit(repo_id=repo_of(run), files={path: whole})
    assert online("runs", "restore", run).returncode == 0
    assert online.status(run)["state"] == "interrupted"
    assert online("runs", "restore", run).returncode == 2


@LFS_ONLY
def test_a_run_is_trained_on_one_machine_at_a_time(
    online: CommandLine, hub: HubDouble, tiny_model: Path, tmp_path: Path
) -> None:
    run = online.start(LONG)
    wait_until(lambda: synced(online, run)["step"] >= 5)
    trainer = next(p for p in processes_of(online.home) if "core.train" in p.cmdline())
    trainer.suspend()
    wait_until(lambda: synced(online, run)["step"] == newest_checkpoint_of(online, run))
    shutil.copytree(tiny_model, tmp_path / "models" / "SmolLM2-135M-Instruct")
    elsewhere = CommandLine(
        tmp_path, environment_of(tmp_path) | hub.environment(home=tmp_path / "hf", token=TOKEN)
    )
    refused = elsewhere("runs", "restore", run)
    assert refused.returncode == 2
    assert "trains on another machine" in refused.stderr

    # The other machine is believed to be gone; it is not.
    manifest = json.loads(hub.files(repo_id=repo_of(run))["manifest.json"])
    silent = json.dumps(manifest | {"updated": "2026-01-01T00:00:00Z"}).encode()
    hub.commit(repo_id=repo_of(run), files={"manifest.json": silent})
    assert elsewhere("runs", "restore", run).returncode == 0
    assert elsewhere.status(run)["state"] == "interrupted"
    trainer.resume()
    wait_until(lambda: "restored on another machine" in synced(online, run)["problem"])
    taken = json.loads(hub.files(repo_id=repo_of(run))["manifest.json"])
    assert (taken["step"], taken["restored"]) == (manifest["step"], 1)
    assert taken["holder"] != manifest["holder"]
    assert taken["state"] == "training"
    # Nothing newer was sent there, nor among the files of another.
    folders = {path.split("/")[0] for path in hub.files(repo_id=repo_of(run)) if "/" in path}
    assert folders == {manifest["folder"]}
    # Canceled here, it is still kept for the other machine.
    assert online("runs", "stop", run, "--now").returncode == 0
    wait_until(lambda: not processes_of(online.home))
    assert hub.has_repo(repo_id=repo_of(run))


@LFS_ONLY
def test_a_long_upload_does_not_look_like_a_machine_that_went_away(
    online: CommandLine, hub: HubDouble
) -> None:
    run = online.start(LONG.replace("sync_checkpoints: true", "sync_checkpoints: false"))
    with subprocess.Popen(
        [sys.executable, "-c", RESTLESS, str(online.home / "runs" / run)],
        cwd=ROOT, env=online.environment,
    ) as keeper:  # fmt: skip
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
        keeper.terminate()


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
    file.write_text(KEPT, encoding="utf-8")
    done = CommandLine(home, environment_of(home))("train", str(file), "--json")
    assert done.returncode == 2
    assert (
        "needs a Hugging Face token" in json.loads(done.stdout)["fields"]["output.sync_checkpoints"]
    )


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
