"""What the trainer tells the run's folder at each step, and what it asks of it."""

import math
import signal
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from core.machine.disk import is_for_lack_of_room
from core.runs.causes import FailureCause
from core.runs.events import (
    CheckpointSaved,
    Evaluation,
    Event,
    EventWriter,
    Metric,
    Progress,
    Scored,
    ScoredAnswer,
    Warned,
)
from core.runs.state import Wish
from core.runs.store import Run

PROGRESS_SECONDS = 0.5
SIGN_SECONDS = 10.0
SCORED_SECONDS = 15.0
# Steps over which the pace is taken: enough to be calm, few enough to follow a change.
PACE_STEPS = 20


class Reporter(TrainerCallback, ExportableState):
    """Writes metrics, progress and checkpoints as events; ends the training when asked to.

    `wish` is what a person asked for, `machine_goes_down` whether we were told to end.
    """

    def __init__(self, *, run: Run, events: EventWriter) -> None:
        self.wish: Wish | None = None
        self.machine_goes_down = False
        self._run = run
        self._events = events
        self._start: float | None = None
        self._told = time.monotonic()
        # What it took to come to the checkpoint that this training goes on from.
        self._seconds_before = 0.0
        self._tokens = 0.0
        self._scored: float | None = None
        self._has_diverged = False
        # The steps of this training: how many, and the time of them alone.
        self.steps, self.step_seconds = 0, 0.0
        self._step_began, self._tokens_began = 0.0, 0.0
        # What could not be written down.
        self._lost = 0
        # When the last steps ended; and at the last logs, the time in steps and the tokens by then.
        # Both begin after the first step, which warms up.
        self._ended: deque[tuple[float, int]] = deque(maxlen=PACE_STEPS + 1)
        self._logged: deque[tuple[float, float]] = deque(maxlen=PACE_STEPS + 1)
        signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, *_: object) -> None:
        self.machine_goes_down = True

    @property
    def tokens(self) -> float:
        """How many tokens the steps of this training had."""
        return self._tokens - self._tokens_began

    def state(self) -> dict[str, Any]:
        """What a checkpoint has of this, for `on_train_begin`."""
        return {"args": {}, "attributes": {"seconds": self._seconds}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # An older checkpoint has nothing of this, and transformers expects it there.
        before = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        self._seconds_before = before["attributes"]["seconds"]
        self._start = time.monotonic()
        self._tokens = self._tokens_began = float(state.num_input_tokens_seen)
        self._tell_progress(state)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._step_began = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.step_seconds += time.monotonic() - self._step_began
        self.steps += 1
        self.wish = self._run.wish()
        if self.wish is Wish.STOP or self.machine_goes_down:
            control.should_save = True
            control.should_training_stop = True
        is_last = state.global_step == state.max_steps
        if is_last and args.eval_strategy != "no":
            # What comes out should be measured, wherever the last look happened to fall.
            control.should_evaluate = True
        self._ended.append((time.monotonic(), state.global_step))
        # How many tokens a step had is known when it is logged, a moment later.
        if not control.should_log:
            self._tell_step(state, control)

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._tell_that_it_works(state)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._tell_that_it_works(state)

    def _tell_that_it_works(self, state: TrainerState) -> None:
        """A long step or evaluation does not look like one that hangs."""
        if time.monotonic() - self._told >= SIGN_SECONDS:
            self._tell_progress(state)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float | None] | None = None,
        **_: Any,
    ) -> None:
        values = {name: _finite(value) for name, value in (logs or {}).items()}
        self._tokens = values.get("num_tokens") or self._tokens
        if "train_runtime" in values:
            # The closing summary: averages over the run, not a point of any curve.
            return
        is_evaluation = any(name.startswith("eval_") for name in values)
        event = Evaluation if is_evaluation else Metric
        self._tell(event(step=state.global_step, values=values))
        if not is_evaluation:
            self._logged.append((self.step_seconds, self._tokens))
            self._tell_step(state, control)
        if "loss" in values and values["loss"] is None and not self._has_diverged:
            self._has_diverged = True
            self._tell(
                Warned(
                    text=f"The loss is NaN or infinite since step {state.global_step}: "
                    "lower `training.learning_rate`.",
                    cause=FailureCause.NOT_FINITE,
                )
            )

    def tell_scored(self, step: int, prompt: str, answers: list[ScoredAnswer]) -> None:
        """Tell of answers, once in a while: the events must not fill the disk."""
        now = time.monotonic()
        if self._scored is None or now - self._scored >= SCORED_SECONDS:
            self._scored = now
            self._tell(Scored(step=step, prompt=prompt, answers=answers))

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._tell(CheckpointSaved(step=state.global_step))

    @property
    def _seconds(self) -> float:
        """Of training, that before the run went on included; its preparation is not."""
        began = self._start
        return self._seconds_before + (0.0 if began is None else time.monotonic() - began)

    def _tell_step(self, state: TrainerState, control: TrainerControl) -> None:
        if control.should_training_stop or time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._tell_progress(state)

    def _tell_progress(self, state: TrainerState) -> None:
        left = state.max_steps - state.global_step
        per_step = _rate(self._ended)
        self._tell(
            Progress(
                step=state.global_step,
                total=state.max_steps,
                epoch=state.epoch or 0.0,
                tokens=int(self._tokens),
                tokens_per_second=1 / per_token if (per_token := _rate(self._logged)) else 0.0,
                seconds=self._seconds,
                eta=per_step * left if per_step is not None else None,
            )
        )
        self._told = time.monotonic()

    def _tell(self, event: Event) -> None:
        """A full disk costs measurements, and not the run: it may have room for a checkpoint."""
        try:
            self._events.write(event)
            if self._lost:
                text = f"The disk was full: {self._lost} measurements are missing from the curves."
                self._events.write(Warned(text=text))
                self._lost = 0
        except OSError as error:
            if not is_for_lack_of_room(error):
                raise
            self._lost += 1


def _rate(marks: Sequence[tuple[float, float]]) -> float | None:
    """Seconds for each step or token between the first and the last; None while there is one."""
    if not marks:
        return None
    (began, before), (ended, now) = marks[0], marks[-1]
    return (ended - began) / (now - before) if now > before else None


def _finite(value: float | None) -> float | None:
    """TRL says None itself of what none of the rows had."""
    return value if value is not None and math.isfinite(value) else None
