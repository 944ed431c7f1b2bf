"""Events in a file, written by one process and read by others while it grows."""

import json
import math
import resource
from pathlib import Path

import pytest

from core.config.resolved import Choice
from core.runs import events
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
    PushFailed,
    PushProgress,
    Resolved,
    Resumed,
    StateChanged,
    Warned,
    read_events,
)
from core.runs.history import History
from core.runs.state import RunState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def write(path: Path, *facts: Event) -> None:
    writer = EventWriter(path)
    for fact in facts:
        writer.write(fact)


def steps(found: list[Event]) -> list[int]:
    return [event.step for event in found if isinstance(event, Metric)]


def metric(step: int, **values: float | None) -> Metric:
    return Metric(step=step, values=values or {"loss": float(step)})


def history(path: Path) -> History:
    followed = History(path=path)
    followed.follow()
    return followed


def test_every_kind_of_fact_is_read_as_it_was_written(path: Path) -> None:
    facts: list[Event] = [
        StateChanged(state=RunState.TRAINING, note="Größe ✓"),
        Progress(
            step=1, total=2, epoch=0.5, tokens=9, tokens_per_second=3.0, seconds=0.1, eta=None
        ),
        Metric(step=1, values={"loss": 0.0, "grad_norm": None}),
        Evaluation(step=1, values={"eval_loss": 2.5}),
        CheckpointSaved(step=1),
        Resumed(step=1),
        Resolved(choices={"rows": Choice(value="3", why="counted")}),
        Warned(text="line one\nline two\r\u2028three"),
        Warned(text="It rises.", cause="diverging"),
        Failure(cause="killed", explanation="It was ended.", remedies=["Resume."]),
        Failure(cause="input", explanation="No such revision.", field="model.revision"),
        PushFailed(cause="no_network", explanation="No answer."),
        PushProgress(note="Uploading"),
        Pushed(repo="a/b", url="http://x", commit="c", files=1, size=0, private=True),
    ]
    write(path, *facts)
    found, offset = read_events(path, offset=0)
    assert offset == path.stat().st_size
    assert [event.seq for event in found] == list(range(1, len(facts) + 1))
    unstamped = {"seq", "time"}
    assert [event.model_dump(exclude=unstamped) for event in found] == [
        fact.model_dump(exclude=unstamped) for fact in facts
    ]
    assert all(event.time.utcoffset() is not None for event in found)
    assert len(path.read_bytes().splitlines()) == len(facts)


def test_a_reader_takes_only_what_is_new(path: Path) -> None:
    assert read_events(path, offset=0) == ([], 0)
    write(path, metric(1), metric(2))
    found, offset = read_events(path, offset=0)
    assert steps(found) == [1, 2]
    assert read_events(path, offset=offset) == ([], offset)
    write(path, metric(3))
    found, end = read_events(path, offset=offset)
    assert steps(found) == [3]
    assert end == path.stat().st_size


def test_a_torn_tail_waits_until_it_is_whole(path: Path) -> None:
    write(path, metric(1), metric(2))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        found, offset = read_events(path, offset=0)
        assert steps(found) == [1]
        assert offset == first
    path.write_bytes(whole)
    found, offset = read_events(path, offset=first)
    assert steps(found) == [2]
    assert offset == len(whole)


def test_a_new_writer_ends_a_torn_line_and_counts_on(path: Path) -> None:
    write(path, metric(1), metric(2), metric(3))
    path.write_bytes(path.read_bytes()[:-20])
    write(path, metric(4))
    found, offset = read_events(path, offset=0)
    assert steps(found) == [1, 2, 4]
    assert [event.seq for event in found] == [1, 2, 3]
    assert offset == path.stat().st_size


def test_a_write_that_a_full_disk_cuts_short_costs_no_other_event(path: Path) -> None:
    """A limit on the size of files takes the first bytes of the event, as such a disk does."""
    writer = EventWriter(path)
    writer.write(metric(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            writer.write(metric(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not path.read_bytes().endswith(b"\n")
    writer.write(metric(3))
    found, _ = read_events(path, offset=0)
    assert steps(found) == [1, 3]
    assert [event.seq for event in found] == [1, 2]


def test_a_line_without_an_end_does_not_end_the_reading(path: Path) -> None:
    write(path, metric(1))
    with path.open("ab") as file:
        file.write(b'{"kind":"warning","text":"' + b"x" * (9 * 1024**2) + b'"}\n')
    write(path, metric(2))
    assert [step for step, _ in history(path).curves["loss"].points()] == [1, 2]


def test_a_new_writer_counts_on_in_a_long_file(path: Path) -> None:
    write(path, *(metric(step) for step in range(1, 1501)))
    assert path.stat().st_size > 65536
    write(path, metric(1501))
    found, _ = read_events(path, offset=0)
    assert [event.seq for event in found] == list(range(1, 1502))


def test_kinds_and_lines_that_nobody_knows_are_passed_over(path: Path) -> None:
    write(path, metric(1))
    with path.open("ab") as file:
        file.write(b'{"seq":2,"time":"2026-01-01T00:00:00Z","kind":"hologram","depth":3}\n')
        file.write(b'\n{"seq":\n\xff\xfe\x00\n[]\n{"kind":"metric"}\n')
        file.write(b'{"seq":3,"kind":"metric","step":2,"values":{"loss":2.0},"colour":"red"}\n')
        # A failure and a warning as they were before they had a setting and a cause.
        file.write(b'{"seq":4,"kind":"failure","cause":"killed","explanation":"It was ended."}\n')
        file.write(b'{"seq":5,"kind":"warning","text":"Cut."}\n')
    found, offset = read_events(path, offset=0)
    assert steps(found[:2]) == [1, 2]
    assert offset == path.stat().st_size
    read = history(path)
    assert read.curves["loss"].points() == [(1, 1.0), (2, 2.0)]
    assert read.failure is not None
    assert (read.failure.cause, read.failure.remedies, read.failure.field) == ("killed", [], None)
    assert (read.warnings, read.troubles) == (["Cut."], [])


def test_a_long_file_is_read_piece_by_piece(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHUNK_BYTES", 1000)
    write(path, *(metric(step) for step in range(1, 101)))
    offset, pieces = 0, []
    while (piece := read_events(path, offset=offset))[0]:
        pieces.append(steps(piece[0]))
        assert piece[1] - offset <= 1000
        offset = piece[1]
    assert len(pieces) > 5
    assert [step for piece in pieces for step in piece] == list(range(1, 101))
    followed = history(path)
    assert len(followed.curves["loss"].points()) == 100
    assert followed.offset == path.stat().st_size


def test_a_second_look_reads_nothing_again(path: Path) -> None:
    write(path, metric(1), metric(2))
    followed = history(path)
    assert not followed.follow()
    size = path.stat().st_size
    # Were it read again, this would show as points that are not there any more.
    path.write_bytes(b"\n" * size)
    write(path, metric(3))
    assert followed.follow()
    assert followed.curves["loss"].points() == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_resumed_run_has_one_curve(path: Path) -> None:
    write(path, *(metric(step) for step in range(1, 9)), CheckpointSaved(step=4))
    write(path, CheckpointSaved(step=8), Evaluation(step=8, values={"eval_loss": 1.0}))
    write(path, Resumed(step=4))
    followed = history(path)
    assert followed.curves["loss"].points() == [(n, float(n)) for n in range(1, 5)]
    assert followed.curves["eval_loss"].points() == []
    assert followed.resumed_at == [4]
    write(path, metric(5, loss=0.5), metric(6, loss=0.25), CheckpointSaved(step=6))
    followed.follow()
    assert followed.curves["loss"].points()[-3:] == [(4, 4.0), (5, 0.5), (6, 0.25)]
    assert followed.latest["loss"] == 0.25
    assert history(path) == followed


def test_a_new_start_lets_go_of_the_last_failure(path: Path) -> None:
    cause = {"cause": "killed", "explanation": "It was ended."}
    write(path, Failure(**cause), PushFailed(**cause), StateChanged(state=RunState.FAILED))
    followed = history(path)
    assert followed.state is RunState.FAILED
    assert followed.failure is not None
    assert followed.push_failure is not None
    write(path, StateChanged(state=RunState.QUEUED))
    again = history(path)
    followed.follow()
    for each in (followed, again):
        assert each.state is RunState.QUEUED
        assert each.failure is None
        assert each.push_failure is None


def test_a_cause_of_a_newer_version_is_still_a_failure(path: Path) -> None:
    write(path, Failure(cause=FailureCause.KILLED, explanation="The sun went out."))
    text = path.read_text(encoding="utf-8").replace('"killed"', '"no_sun"')
    path.write_text(text, encoding="utf-8")
    failure = history(path).failure
    assert failure is not None
    assert (failure.cause, failure.explanation) == (FailureCause.OTHER, "The sun went out.")


def test_a_new_push_lets_go_of_the_last_ones_failure(path: Path) -> None:
    write(path, PushFailed(cause="no_network", explanation="No answer."))
    write(path, StateChanged(state=RunState.TRAINED, note="The push is still owed."))
    followed = history(path)
    assert followed.push_failure is not None
    write(path, StateChanged(state=RunState.PUSHING))
    followed.follow()
    assert followed.push_failure is None
    assert followed.note == ""


def test_what_is_no_number_is_no_point(path: Path) -> None:
    write(path, metric(1, loss=1.0), metric(2, loss=math.nan, learning_rate=0.0))
    write(path, metric(3, loss=None), metric(4, loss=math.inf), metric(5, loss=0.0))
    # Lines that any JSON reader takes: NaN is not JSON.
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=pytest.fail)
    followed = history(path)
    assert followed.curves["loss"].points() == [(1, 1.0), (5, 0.0)]
    assert followed.curves["learning_rate"].points() == [(2, 0.0)]
    assert followed.latest == {"loss": 0.0, "learning_rate": 0.0}


def test_a_run_that_has_written_nothing_yet_waits(path: Path) -> None:
    followed = History(path=path)
    assert not followed.follow()
    assert followed.state is RunState.QUEUED
    assert followed.curves == {}


def test_what_was_chosen_and_warned_of_adds_up(path: Path) -> None:
    write(path, Warned(text="few rows"), Warned(text="few rows"), Warned(text="slow"))
    write(path, Resolved(choices={"rows": Choice(value="1")}))
    write(path, Resolved(choices={"rows": Choice(value="2"), "format": Choice(value="text")}))
    followed = history(path)
    assert followed.warnings == ["few rows", "slow"]
    assert {name: choice.value for name, choice in followed.choices.items()} == {
        "rows": "2",
        "format": "text",
    }
