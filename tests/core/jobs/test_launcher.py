"""What is asked of a run that can't do it now is refused with the reason."""

import os
from pathlib import Path

import pytest

from core.checkpoint_sync.status import SyncStatus
from core.errors import UserError
from core.jobs import launcher
from core.machine import disk
from core.runs.state import RunState
from core.runs.store import RunStore
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


def test_a_run_is_not_resumed_into_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(RunStore(tmp_path), state=RunState.FAILED, steps=5)
    monkeypatch.setattr(disk, "SPARE_BYTES", 10**18)
    with pytest.raises(UserError, match="Resuming needs about") as refused:
        launcher.resume(run, token=None)
    assert "Delete old runs" in refused.value.hint
    assert run.status().state is RunState.FAILED
