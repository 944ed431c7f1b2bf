"""A long run's history is saved beside its events, and believed only where it is theirs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config.resolved import Choice
from core.runs import history as history_module
from core.runs.causes import FailureCause
from core.runs.events import (
    CheckpointSaved,
    Evaluation,
    Event,
    EventWriter,
    Failure,
    Metric,
    Progress,
    Pushed,
    Resolved,
    Resumed,
    Sample,
    StateChanged,
    Warned,
    read_events,
)
from core.runs.history import History
from core.runs.paths import RunPaths
from core.runs.state import RunState

PROGRESS = Progress(
    step=9, total=99, epoch=0.1, tokens=5, tokens_per_second=1.5, seconds=2.0, eta=None
)
# One of each kind that a history holds.
FACTS: tuple[Event, ...] = (
    StateChanged(state=RunState.TRAINING, note="naïve"),
    *(Metric(step=n, values={"loss": 1 / n, "odd/name": None}) for n in range(1, 40)),
    PROGRESS,
    Evaluation(step=9, values={"eval_loss": 0.1 + 0.2}),
    CheckpointSaved(step=30),
    Resumed(step=35),
    Resolved(choices={"precision": Choice(value="float32", why="measured")}),
    Sample(step=9, prompt="a\n", answer="b", base_answer=None, reference="c"),
    Warned(text="Two rows were cut."),
    Failure(cause=FailureCause.INTERRUPTED, explanation="It went away.", remedies=["Resume."]),
    Pushed(repo="a/b", url="http://x", commit="c", files=1, size=0, private=True),
)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPaths:
    """A run with a history that was saved."""
    monkeypatch.setattr(history_module, "SAVE_EVERY_BYTES", 1)
    paths = RunPaths(tmp_path)
    write(paths, *FACTS)
    assert not paths.history.exists()
    History.of(paths).follow()
    assert paths.history.exists()
    return paths


def write(paths: RunPaths, *facts: Event) -> None:
    writer = EventWriter(paths.events)
    for fact in facts:
        writer.write(fact)


def read(paths: RunPaths) -> History:
    """The events added up, all of them."""
    found = History(path=paths.events)
    found.follow()
    return found


def shown(history: History) -> dict[str, object]:
    return vars(history) | {"snapshot": None, "saved_to": 0}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """The events that are read from now on."""
    seen: list[Event] = []

    def watched(path: Path, *, offset: int) -> tuple[list[Event], int]:
        found, end = read_events(path, offset=offset)
        seen.extend(found)
        return found, end

    monkeypatch.setattr(history_module, "read_events", watched)
    return seen


def test_what_was_kept_is_not_read_again(paths: RunPaths, parsed: list[Event]) -> None:
    write(paths, Metric(step=40, values={"loss": 7.0}))
    again = History.of(paths)
    again.follow()
    assert len(parsed) == 1
    assert again.latest["loss"] == 7.0
    assert shown(again) == shown(read(paths))


def test_a_history_goes_on_as_if_it_had_never_been_put_away(paths: RunPaths) -> None:
    for step in range(40, 2540, 500):
        write(paths, *(Metric(step=n, values={"loss": n % 7}) for n in range(step, step + 500)))
        History.of(paths).follow()
    assert shown(History.of(paths)) == shown(read(paths))


def test_a_short_run_keeps_nothing(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    write(paths, *FACTS)
    History.of(paths).follow()
    assert not paths.history.exists()


def _tear(paths: RunPaths) -> None:
    data = paths.history.read_bytes()
    paths.history.write_bytes(data[: len(data) // 2])


def _of_other_code(paths: RunPaths) -> None:
    saved = json.loads(paths.history.read_text())
    paths.history.write_text(json.dumps(saved | {"code": "0" * 64}))


def _of_another_shape(paths: RunPaths) -> None:
    saved = json.loads(paths.history.read_text())
    saved["facts"]["state"] = "levitating"
    paths.history.write_text(json.dumps(saved))


def _of_another_run(paths: RunPaths) -> None:
    paths.events.unlink()
    write(paths, *FACTS)


def _of_more_events_than_there_are(paths: RunPaths) -> None:
    data = paths.events.read_bytes()
    paths.events.write_bytes(data[: data[: len(data) // 2].rfind(b"\n") + 1])


@pytest.mark.parametrize(
    "spoil",
    [
        _tear,
        lambda paths: paths.history.write_bytes(b""),
        lambda paths: paths.history.write_bytes(b"\xff\x00"),
        lambda paths: paths.history.write_text("[]"),
        _of_other_code,
        _of_another_shape,
        _of_another_run,
        _of_more_events_than_there_are,
    ],
)
def test_what_is_not_of_these_events_is_read_anew(
    paths: RunPaths, spoil: Callable[[RunPaths], None]
) -> None:
    spoil(paths)
    again = History.of(paths)
    assert again.offset == 0
    again.follow()
    assert shown(again) == shown(read(paths))
    # And what is saved by now is right again.
    assert shown(History.of(paths)) == shown(again)


def test_a_history_that_can_not_be_kept_is_read_all_the_same(paths: RunPaths) -> None:
    paths.history.unlink()
    paths.history.mkdir()
    again = History.of(paths)
    again.follow()
    assert shown(again) == shown(read(paths))
