"""Runs restored from the Hub: to the same weights, on one machine at a time, and nothing else."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from core.checkpoint_sync.manifest import Manifest
from core.checkpoint_sync.restore import _lay_out
from core.errors import UserError
from core.runs.paths import RunPaths
from tests.command_line import CommandLine, environment_of, processes_of
from tests.core.checkpoint_sync.synced_run import (
    LONG,
    ON_SPACE,
    SYNCED_RUN,
    lose_the_container,
    newest_checkpoint_of,
    on_hub,
    repo_of,
    sync_stopped,
    synced,
)
from tests.core.conftest import LFS_ONLY, TOKEN, Learned
from tests.hub import HubDouble
from tests.interface.harness import SPACE, serving, sign_in_cookie
from tests.waiting import wait_until


def test_a_run_goes_on_from_the_hub_to_the_same_weights_when_its_container_is_lost(
    online: CommandLine, hub: HubDouble, tiny_model: Path, unbroken: Learned
) -> None:
    online.environment.update(ON_SPACE)
    run = online.start(
        SYNCED_RUN.replace("sync_checkpoints:", "auto_resume: true, sync_checkpoints:")
    )
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
    run = online.start(SYNCED_RUN)
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
    # Canceled here, it stays there for the other machine.
    assert online("runs", "stop", run, "--now").returncode == 0
    wait_until(lambda: not processes_of(online.home))
    assert hub.has_repo(repo_id=repo_of(run))


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
