"""What a run's events add up to: its state, its curves, its warnings and its end."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.config.resolved import Choice
from core.runs.causes import FailureCause
from core.runs.curves import Curve
from core.runs.events import (
    BestModel,
    Evaluation,
    Event,
    Failure,
    Metric,
    ModelSaved,
    Progress,
    Pushed,
    PushFailed,
    PushProgress,
    ReplaceAllowed,
    Resolved,
    Resumed,
    Sample,
    Scored,
    StateChanged,
    Tracked,
    Warned,
    read_events,
)
from core.runs.history_snapshot import SAVE_EVERY_BYTES, load_snapshot, save_snapshot
from core.runs.paths import RunPaths
from core.runs.state import RunState


@dataclass
class History:
    """A run's events, folded. `follow` adds what is new, so a second look costs only that."""

    path: Path
    state: RunState = RunState.QUEUED
    note: str = ""
    progress: Progress | None = None
    curves: dict[str, Curve] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    resumed_at: list[int] = field(default_factory=list)
    choices: dict[str, Choice] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    # The newest alone.
    scored: Scored | None = None
    warnings: list[str] = field(default_factory=list)
    # What it was warned of since it was last started, for programs.
    troubles: list[FailureCause] = field(default_factory=list)
    failure: Failure | None = None
    push_failure: PushFailed | None = None
    pushed: Pushed | None = None
    # Where this run's pushes have brought repositories, ever.
    pushed_commits: set[str] = field(default_factory=set)
    # What others have put into a repository and the next push may replace: the commit there.
    replaceable: str | None = None
    tracked: Tracked | None = None
    # Of which step the model is, where that is not the last.
    best: BestModel | None = None
    # Whether the training has come to a whole model since the run was last started.
    has_model: bool = False
    # What it was when its push began.
    before_push: RunState = RunState.SAVING
    offset: int = 0
    # Where it is saved for the next reader, and up to which offset it is.
    snapshot: Path | None = None
    saved_to: int = 0

    @staticmethod
    def of(paths: RunPaths) -> "History":
        """A run's history as somebody saved it, for `follow` to go on from there."""
        here = {"path": paths.events, "snapshot": paths.history}
        facts = load_snapshot(paths.history, events=paths.events)
        try:
            return _HISTORY.validate_python((facts or {}) | here)
        except ValidationError:
            return _HISTORY.validate_python(here)

    def follow(self) -> bool:
        """Read on to the end of the file. Returns whether there was anything new."""
        start = self.offset
        while True:
            events, offset = read_events(self.path, offset=self.offset)
            if offset == self.offset:
                self._save()
                return offset > start
            self.offset = offset
            for event in events:
                self._add(event)

    def after_push(self, *, is_pushed: bool) -> RunState:
        """What the run is once a push is over. One that was stopped can still go on.

        What an earlier push has brought to the Hub is there, whatever becomes of the next.
        """
        is_pushed = is_pushed or self.pushed is not None
        if self.before_push.live or self.before_push in (RunState.DONE, RunState.TRAINED):
            return RunState.DONE if is_pushed else RunState.TRAINED
        return self.before_push

    @property
    def best_note(self) -> str:
        """Of which step the model is, where that is not the last."""
        return self.best.note if self.best is not None else ""

    @property
    def of_the_model(self) -> dict[str, float]:
        """What was measured last, and of the model that was saved where that is not the last."""
        best = self.best.values if self.best is not None else {}
        return self.latest | {name: value for name, value in best.items() if value is not None}

    def _save(self) -> None:
        if self.snapshot is None or self.offset - self.saved_to < SAVE_EVERY_BYTES:
            return
        self.saved_to = self.offset
        facts = _HISTORY.dump_python(self, mode="json", exclude={"path", "snapshot"})
        save_snapshot(self.snapshot, facts, events=self.path, offset=self.offset)

    def _add(self, event: Event) -> None:
        match event:
            case Metric() | Evaluation():
                self._measure(event)
            case Progress():
                self.progress = event
            case StateChanged():
                self._enter(event)
            case Resumed():
                self._go_back(event.step)
            case Resolved():
                self.choices.update(event.choices)
            case Sample():
                # Those of an earlier end of the run are replaced.
                self.samples = [s for s in self.samples if _is_other(s, event)] + [event]
            case Scored():
                self.scored = event
            case ModelSaved():
                self.has_model = True
            case BestModel():
                self.best = event
            case Warned():
                if event.text not in self.warnings:
                    self.warnings.append(event.text)
                if event.cause is not None and event.cause not in self.troubles:
                    self.troubles.append(event.cause)
            case Failure():
                self.failure = event
            case PushFailed():
                self.push_failure = event
            case Pushed():
                self.pushed = event
                if event.commit is not None and not event.pull_request:
                    self.pushed_commits.add(event.commit)
            case ReplaceAllowed():
                self.replaceable = event.commit
            case Tracked():
                self.tracked = event
            case PushProgress():
                self.note = event.note

    def _enter(self, event: StateChanged) -> None:
        if event.state is RunState.PUSHING and self.state is not RunState.PUSHING:
            self.before_push = self.state
        self.state, self.note = event.state, event.note
        if event.state is RunState.QUEUED:
            # A new start: what stopped the last one is history.
            self.failure = self.push_failure = None
            self.troubles = []
            self.has_model = False
        if event.state is RunState.PUSHING:
            self.push_failure = None
        if event.state is RunState.TRAINING:
            # What was sent of a run that was stopped is no longer all of it.
            self.pushed = self.tracked = self.best = None

    def _measure(self, event: Metric | Evaluation) -> None:
        for name, value in event.values.items():
            if value is not None:
                self.curves.setdefault(name, Curve()).add(event.step, value)
                self.latest[name] = value

    def _go_back(self, step: int) -> None:
        self.resumed_at.append(step)
        for curve in self.curves.values():
            curve.cut(after=step)


_HISTORY = TypeAdapter(History)


def _is_other(before: Sample, sample: Sample) -> bool:
    return before.step == sample.step and before.prompt != sample.prompt
