"""A run's events, folded into what it is now."""

from pathlib import Path

import pytest

from core.runs.events import (
    CheckpointSaved,
    Event,
    EventWriter,
    Metric,
    Pushed,
    Resumed,
    StateChanged,
    Warned,
)
from core.runs.history import History
from core.runs.state import RunState

PUSHED = Pushed(repo="a/b", url="http://x", commit="c", files=1, size=0, private=True)


def history(tmp_path: Path, *facts: Event) -> History:
    writer = EventWriter(tmp_path / "events.jsonl")
    for fact in facts:
        writer.write(fact)
    made = History(path=tmp_path / "events.jsonl")
    made.follow()
    return made


def loss(step: int) -> Metric:
    return Metric(step=step, values={"loss": 1 / step})


def test_a_run_that_goes_back_forgets_what_came_after(tmp_path: Path) -> None:
    found = history(
        tmp_path, loss(1), CheckpointSaved(step=1), loss(2), loss(3), CheckpointSaved(step=3),
        Resumed(step=1), loss(2),
    )  # fmt: skip
    assert [step for step, _ in found.curves["loss"].points()] == [1, 2]
    assert found.resumed_at == [1]


def test_a_second_look_costs_only_what_is_new(tmp_path: Path) -> None:
    found = history(tmp_path, loss(1))
    assert not found.follow()
    EventWriter(found.path).write(loss(2))
    before = found.offset
    assert found.follow()
    assert found.offset > before
    assert found.latest["loss"] == 0.5


def test_a_warning_is_told_once(tmp_path: Path) -> None:
    assert history(tmp_path, *[Warned(text="Two rows were cut.")] * 2).warnings == [
        "Two rows were cut."
    ]


def test_training_on_is_more_than_what_was_pushed(tmp_path: Path) -> None:
    found = history(tmp_path, StateChanged(state=RunState.STOPPED), PUSHED)
    assert found.pushed is not None
    assert found.pushed.repo == "a/b"
    EventWriter(found.path).write(StateChanged(state=RunState.TRAINING))
    found.follow()
    assert found.pushed is None


@pytest.mark.parametrize(
    ("before", "pushed", "not_pushed"),
    [
        (RunState.SAVING, RunState.DONE, RunState.TRAINED),
        (RunState.TRAINED, RunState.DONE, RunState.TRAINED),
        (RunState.STOPPED, RunState.STOPPED, RunState.STOPPED),
    ],
)
def test_a_stopped_run_stays_one_whatever_becomes_of_its_push(
    tmp_path: Path, before: RunState, pushed: RunState, not_pushed: RunState
) -> None:
    found = history(
        tmp_path, StateChanged(state=before), StateChanged(state=RunState.PUSHING)
    )  # fmt: skip
    assert found.after_push(is_pushed=True) is pushed
    assert found.after_push(is_pushed=False) is not_pushed
