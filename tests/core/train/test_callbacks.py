"""What the trainer writes down at each step, also where the disk has no room for it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from core.config.parse import parse_config
from core.runs.events import EventWriter, Progress, ScoredAnswer, read_events
from core.runs.history import History
from core.runs.store import Run, RunStore
from core.train import callbacks
from core.train.callbacks import Reporter


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    before = signal.getsignal(signal.SIGTERM)
    run, _ = RunStore(tmp_path).create(parse_config({}), files={}, submission="ab" * 8)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)


def test_a_full_disk_costs_measurements_and_not_the_run(
    run: Run, arguments: TrainingArguments
) -> None:
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    state, control = TrainerState(global_step=1, max_steps=9), TrainerControl()
    run.paths.events.symlink_to("/dev/full")
    reporter.on_train_begin(arguments, state, control)
    reporter.on_log(arguments, state, control, logs={"loss": 2.0})
    reporter.on_save(arguments, state, control)
    run.paths.events.unlink()
    state.global_step = 2
    for loss in (1.5, 1.0):
        reporter.on_log(arguments, state, control, logs={"loss": loss})
    history = History(path=run.paths.events)
    history.follow()
    assert history.latest["loss"] == 1.0
    assert history.warnings == ["The disk was full: 3 measurements are missing from the curves."]


def test_a_long_step_and_an_evaluation_give_signs_of_life(
    run: Run, arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    state, control = TrainerState(global_step=3, max_steps=9), TrainerControl()
    history = History(path=run.paths.events)
    reporter.on_prediction_step(arguments, state, control)
    assert not history.follow()
    monkeypatch.setattr(callbacks, "SIGN_SECONDS", 0)
    reporter.on_train_begin(arguments, state, control)
    history.follow()
    before = history.progress
    for tells in (reporter.on_prediction_step, reporter.on_substep_end):
        tells(arguments, state, control)
        history.follow()
        assert before is not None
        assert history.progress is not None
        assert history.progress.step == before.step == 3
        assert history.progress.time > before.time
        before = history.progress


def test_a_runs_preparation_is_no_training_time(
    run: Run, arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    now = 300.0
    # transformers asks for it as it makes the state, before the training begins.
    state = TrainerState(max_steps=9, stateful_callbacks=[reporter])
    reporter.on_train_begin(arguments, state, TrainerControl())
    now = 307.0
    assert reporter.state()["attributes"]["seconds"] == 7.0


def test_the_pace_is_that_of_the_steps_alone(
    run: Run, arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step warms up, and an evaluation has tokens of its own."""
    monkeypatch.setattr(callbacks, "PROGRESS_SECONDS", 0)
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    state, control = TrainerState(max_steps=4), TrainerControl(should_log=True)
    reporter.on_train_begin(arguments, state, control)
    # How long the step takes, its tokens, the evaluation after it; and what is told at its end.
    told: list[tuple[int, float, float | None]] = []
    for seconds, tokens, evaluation in ((60, 50, 0), (2, 100, 30), (2, 300, 0), (2, 200, 0)):
        reporter.on_step_begin(arguments, state, control)
        now += seconds
        state.global_step += 1
        state.num_input_tokens_seen += tokens
        reporter.on_step_end(arguments, state, control)
        logs: dict[str, float | None] = {
            "loss": 1.0,
            "num_tokens": float(state.num_input_tokens_seen),
        }
        reporter.on_log(arguments, state, control, logs=logs)
        now += evaluation
        progress = read_events(run.paths.events, offset=0)[0][-1]
        assert isinstance(progress, Progress)
        told.append((progress.tokens, progress.tokens_per_second, progress.eta))
    assert told == [(50, 0, None), (150, 50, 4), (450, 100, 17), (650, 100, 0)]


def begun(run: Run, arguments: TrainingArguments, state: TrainerState) -> Progress:
    """What is told first of a training that begins in this state."""
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    reporter.on_train_begin(arguments, state, TrainerControl())
    told = [each for each in read_events(run.paths.events, offset=0)[0] if each.kind == "progress"]
    (first,) = told
    assert isinstance(first, Progress)
    assert reporter.state()["attributes"]["seconds"] >= first.seconds
    return first


def test_tokens_and_time_are_those_of_the_checkpoint(
    run: Run, arguments: TrainingArguments
) -> None:
    state = TrainerState(max_steps=9, global_step=4, num_input_tokens_seen=700)
    state.stateful_callbacks = {"Reporter": {"args": {}, "attributes": {"seconds": 3600.0}}}
    first = begun(run, arguments, state)
    assert (first.step, first.tokens) == (4, 700)
    assert 3600 <= first.seconds < 3660


def test_a_checkpoint_of_an_older_version_has_neither(
    run: Run, arguments: TrainingArguments
) -> None:
    state = TrainerState(max_steps=9, global_step=4)
    first = begun(run, arguments, state)
    assert (first.tokens, first.seconds < 60) == (0, True)
    # Where transformers writes it with the next checkpoint.
    assert "Reporter" in state.stateful_callbacks


def test_answers_are_told_with_their_rewards_now_and_then(
    run: Run, arguments: TrainingArguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = Reporter(run=run, events=EventWriter(run.paths.events))
    history = History(path=run.paths.events)
    answers = [ScoredAnswer(answer="25", rewards={"length": None}, advantage=0.5)]
    for step in (1, 2):
        reporter.tell_scored(step, "5 and 20?", answers)
    history.follow()
    assert history.scored is not None
    assert (history.scored.step, history.scored.answers) == (1, answers)
    monkeypatch.setattr(callbacks, "SCORED_SECONDS", 0)
    reporter.tell_scored(3, "5 and 20?", answers)
    # TRL says None of what it could measure of none of them.
    state, control = TrainerState(global_step=3, max_steps=9), TrainerControl()
    reporter.on_log(arguments, state, control, logs={"loss": 1.0, "rewards/length/mean": None})
    history.follow()
    assert history.scored.step == 3
    assert history.latest == {"loss": 1.0}
