"""What is asked of a run that can't do it now is refused with the reason."""

import os
from pathlib import Path

import pytest

from core.checkpoint_sync.status import SyncStatus
from core.config.parse import parse_config
from core.errors import UserError
from core.jobs import dispatcher, launcher
from core.jobs.queue import Queue
from core.machine import disk
from core.runs.history import History
from core.runs.state import RunState
from core.runs.store import RunStore
from tests.core.conftest import NEAR_TOKEN
from tests.hub import HubDouble
from tests.interface.harness import make_run


def test_a_run_whose_last_checkpoint_is_still_on_its_way_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "LEAVING_SECONDS", 0)
    run = make_run(RunStore(tmp_path), state=RunState.STOPPED, steps=5)
    # Its supervisor waits for the upload.
    held = run.lock()
    assert held is not None
    with pytest.raises(UserError, match="already active"):
        launcher.resume(run, token=None)
    run.paths.sync_status.write_text(SyncStatus(step=4).model_dump_json(), encoding="utf-8")
    with pytest.raises(UserError, match="last checkpoint of this run is still being uploaded"):
        launcher.resume(run, token=None)
    os.close(held)
    assert run.status().state is RunState.STOPPED


def test_where_the_hub_does_not_tell_what_a_push_may_replace_the_run_says_so_at_its_start(
    near_hub: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "HAND_OVER_SECONDS", 0)
    near_hub.fail(path="/api/", status=429, headers={"Retry-After": "3600"}, times=None)
    output = {"name": "bot", "push_to_hub": True, "replace": True}
    # Somebody else starts what waits.
    held = Queue(tmp_path).lock()
    assert held is not None
    run = launcher.start(
        RunStore(tmp_path), parse_config({"output": output}), files={}, submission="ab" * 8,
        token=NEAR_TOKEN,
    )  # fmt: skip
    os.close(held)
    history = History.of(run.paths)
    history.follow()
    (warning,) = history.warnings
    assert warning.startswith("The push will replace nothing, since what is in the repository")
    assert "limiting the rate" in warning


def test_a_run_is_not_resumed_into_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(RunStore(tmp_path), state=RunState.FAILED, steps=5)
    monkeypatch.setattr(disk, "SPARE_BYTES", 10**18)
    with pytest.raises(UserError, match="Resuming needs about") as refused:
        launcher.resume(run, token=None)
    assert "Delete old runs" in refused.value.hint
    assert run.status().state is RunState.FAILED
