"""What a run becomes when its trainer ends otherwise than well."""

from pathlib import Path

import pytest

from core.jobs.child_process import Ended
from core.jobs.record import RunRecord
from core.jobs.stages import Train
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from tests.interface.harness import make_run
from tests.saved_checkpoint import save_checkpoint


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(RunStore(tmp_path), state=RunState.TRAINING)


def killed(*, called_off: bool = False, stuck: bool = False) -> Ended:
    return Ended(
        code=-9, was_out_of_memory=False, was_called_off=called_off, was_stuck=stuck,
        was_told_to_end=False, log="",
    )  # fmt: skip


def test_one_that_hung_says_so_and_not_that_somebody_killed_it(run: Run) -> None:
    record = RunRecord(run)
    Train().fail(record, killed(stuck=True))
    assert run.status().state is RunState.FAILED
    assert record.history.failure is not None
    assert record.history.failure.cause == "stuck"
    assert "took no step" in run.status().note
    assert "Resume" in record.history.failure.remedies[0]


def test_one_that_was_stopped_while_it_loaded_can_go_on_where_there_is_something(run: Run) -> None:
    Train().fail(RunRecord(run), killed(called_off=True))
    assert run.status().state is RunState.CANCELED
    save_checkpoint(run.paths.checkpoints, step=5)
    Train().fail(RunRecord(run), killed(called_off=True))
    assert run.status().state is RunState.STOPPED
    assert run.status().note == "Stopped before it went on from step 5."
