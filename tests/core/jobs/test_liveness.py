"""What is said of a run whose supervisor did not live to say it."""

from pathlib import Path

import pytest

from core.jobs.liveness import current_status
from core.machine import disk
from core.runs.history import History
from core.runs.state import RunState
from core.runs.store import RunStore
from tests.interface.harness import make_run


@pytest.mark.parametrize(("free", "cause"), [(0, "interrupted"), (10**18, "disk_full")])
def test_a_full_disk_is_named_where_there_was_no_room_to_do_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, cause: str
) -> None:
    monkeypatch.setattr(disk, "FULL_BYTES", free)
    run = make_run(RunStore(tmp_path), state=RunState.TRAINING)
    assert current_status(run).state is RunState.INTERRUPTED
    history = History(path=run.paths.events)
    history.follow()
    assert history.failure is not None
    assert history.failure.cause == cause
    assert history.failure.remedies
