"""When a child that a person, or its own limit, wants to end has to."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.jobs.deadline import Deadline
from core.jobs.patience import LONGEST_SECONDS, SHORTEST_SECONDS
from core.jobs.record import RunRecord
from core.runs.events import EventWriter, Progress, StateChanged
from core.runs.state import RunState, Wish
from core.runs.store import Run, RunStore

Clock = Callable[[float], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run, _ = RunStore(tmp_path).create(parse_config({}), files={}, submission="ab" * 8)
    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Has the time pass without waiting for it."""
    now = 1000.0

    def passes(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    return passes


def has_taken(run: Run, step: int, *, seconds_a_step: float = 1.0) -> None:
    EventWriter(run.paths.events).write(
        Progress(
            step=step, total=1000, epoch=0, tokens=0, tokens_per_second=0, seconds=0,
            eta=seconds_a_step * (1000 - step),
        )
    )  # fmt: skip


def enters(run: Run, state: RunState) -> None:
    EventWriter(run.paths.events).write(StateChanged(state=state))


def of(run: Run, *, limit: float | None = None, is_asked: bool = True) -> Deadline:
    return Deadline(RunRecord(run), limit=limit, is_asked=is_asked)


def test_nobody_is_ended_without_a_reason(run: Run, clock: Clock) -> None:
    enters(run, RunState.TRAINING)
    asked = of(run)
    assert not asked.has_come()
    clock(10 * LONGEST_SECONDS)
    assert not asked.has_come()
    limited = of(run, limit=60)
    assert not limited.has_come()
    clock(61)
    assert limited.has_come()


@pytest.mark.parametrize(
    ("seconds_a_step", "patience"),
    [(1, SHORTEST_SECONDS), (60, 20 * 60), (600, LONGEST_SECONDS), (2400, 2 * 3600)],
)
def test_a_stop_waits_for_a_step_as_long_as_the_runs_own_pace_makes_likely(
    run: Run, clock: Clock, seconds_a_step: float, patience: float
) -> None:
    enters(run, RunState.TRAINING)
    has_taken(run, 7, seconds_a_step=seconds_a_step)
    asked = of(run)
    run.ask(Wish.STOP)
    assert not asked.has_come()
    clock(patience - 1)
    assert not asked.has_come()
    clock(2)
    assert asked.has_come()
    assert asked.is_stuck
    assert not asked.is_called_off


def test_one_that_has_heard_it_may_save_for_long(run: Run, clock: Clock) -> None:
    enters(run, RunState.TRAINING)
    has_taken(run, 7)
    asked = of(run)
    run.ask(Wish.STOP)
    assert not asked.has_come()
    clock(SHORTEST_SECONDS - 1)
    has_taken(run, 8)
    assert not asked.has_come()
    clock(LONGEST_SECONDS - 1)
    enters(run, RunState.SAVING)
    assert not asked.has_come()
    clock(LONGEST_SECONDS - 1)
    assert not asked.has_come()
    clock(2)
    assert asked.has_come()


def test_where_there_is_nothing_new_to_save_a_stop_ends_it_at_once(run: Run) -> None:
    enters(run, RunState.PREPARING)
    asked = of(run)
    assert not asked.has_come()
    run.ask(Wish.STOP)
    assert asked.has_come()
    assert asked.is_called_off


@pytest.mark.parametrize("wish", list(Wish))
def test_what_follows_the_training_is_not_ended_by_what_was_asked_of_it(
    run: Run, clock: Clock, wish: Wish
) -> None:
    enters(run, RunState.PUSHING)
    run.ask(wish)
    push = of(run, limit=2 * LONGEST_SECONDS, is_asked=False)
    assert not push.has_come()
    clock(LONGEST_SECONDS + 1)
    assert not push.has_come()
    assert of(run).has_come() is (wish is Wish.CANCEL)


def test_what_a_newer_version_asks_ends_nobody(run: Run) -> None:
    enters(run, RunState.TRAINING)
    for text in ('{"wish": "sample"}', "{", "[]", ""):
        run.paths.request.write_text(text, encoding="utf-8")
        assert not of(run).has_come()
