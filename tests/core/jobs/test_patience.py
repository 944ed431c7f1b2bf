"""Who asked a run to stop is told when its trainer hangs, and what they can do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.jobs.patience import SAVING, STOPPING, stop_note
from core.runs.events import Progress
from core.runs.history import History
from core.runs.state import RunState, Wish
from core.runs.store import Run, RunStore


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run, _ = RunStore(tmp_path).create(parse_config({}), files={}, submission="ab" * 8)
    run.ask(Wish.STOP)
    return run


def training(run: Run, *, silent: float, seconds_a_step: float = 1.0) -> History:
    told = Progress(
        time=datetime.now(UTC) - timedelta(seconds=silent),
        step=10, total=20, epoch=0, tokens=0, tokens_per_second=0, seconds=0,
        eta=seconds_a_step * 10,
    )  # fmt: skip
    return History(path=run.paths.events, state=RunState.TRAINING, progress=told)


def test_a_trainer_that_takes_no_step_is_told_of_with_the_way_out(run: Run) -> None:
    note = stop_note(training(run, silent=120))
    assert "has not taken a step since" in note
    assert f"{datetime.now(UTC) - timedelta(seconds=120):%H:%M} UTC" in note
    assert "After 10 minutes" in note
    assert "Cancel ends it at once" in note


@pytest.mark.parametrize(("silent", "seconds_a_step"), [(5, 1), (100, 60)])
def test_a_step_that_may_take_as_long_worries_nobody(
    run: Run, silent: float, seconds_a_step: float
) -> None:
    found = training(run, silent=silent, seconds_a_step=seconds_a_step)
    assert stop_note(found) == STOPPING


def test_before_the_first_step_and_once_it_saves_there_is_no_hang(run: Run) -> None:
    loading = History(path=run.paths.events, state=RunState.PREPARING)
    assert stop_note(loading) == STOPPING
    saving = History(path=run.paths.events, state=RunState.SAVING)
    assert stop_note(saving) == SAVING
