"""Writing down what becomes of a run, in its events and in its status. Who does has its lock."""

import time
from datetime import UTC, datetime
from functools import partial

from core.machine.child import Child
from core.machine.processes import ProcessIdentity
from core.runs.events import Event, EventWriter, StateChanged
from core.runs.history import History
from core.runs.reserve import despite_full_disk, let_go_of_reserve
from core.runs.state import RunState, RunStatus
from core.runs.store import Run

CANCELED = "Canceled: nothing new was saved."
CANCELED_BEFORE_START = "Canceled before it started."
CALLED_OFF = "Stopped before the first step: nothing was saved."
EARLIER_MODEL = "The model from its earlier stop is still there."


def enter(
    run: Run, state: RunState, *, note: str = "", fact: Event | None = None
) -> RunStatus:  # fmt: skip
    """Have a run that no process works on be in another state. `fact` is what led to it."""
    events = EventWriter(run.paths.events)
    for event in (fact, StateChanged(state=state, note=note)):
        if event is not None:
            despite_full_disk(run.paths, partial(events.write, event))
    entered = run.status().model_copy(
        update={"state": state, "note": note, "updated": datetime.now(UTC), "trainer": None}
    )
    despite_full_disk(run.paths, partial(run.write_status, entered))
    if not state.live:
        let_go_of_reserve(run.paths)
    return entered


def canceled(run: Run, note: str) -> str:
    """How a run was canceled; one that was stopped and resumed before still has a model."""
    return f"{note} {EARLIER_MODEL}" if run.paths.model.is_dir() else note


class RunRecord:
    """The record of a run that a supervisor works on. `child` is the process that it waits for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.history = History.of(run.paths)
        self.child: Child | None = None
        self._wrote_status = 0.0

    @property
    def status_age(self) -> float:
        """Seconds since the status was written."""
        return time.monotonic() - self._wrote_status

    def enter(self, state: RunState, note: str = "") -> None:
        self.write(StateChanged(state=state, note=note))
        despite_full_disk(self.run.paths, self.write_status)
        if not state.live:
            let_go_of_reserve(self.run.paths)

    def write(self, event: Event) -> None:
        events = EventWriter(self.run.paths.events)
        despite_full_disk(self.run.paths, partial(events.write, event))
        self.history.follow()

    def write_status(self) -> None:
        """Renew the status from what the events add up to by now."""
        self._wrote_status = time.monotonic()
        history, child = self.history, self.child
        history.follow()
        progress = history.progress
        alive = child is not None and child.poll() is None
        self.run.write_status(
            self.run.status().model_copy(
                update={
                    "state": history.state,
                    "note": history.note,
                    "updated": datetime.now(UTC),
                    "step": progress.step if progress else 0,
                    "total": progress.total if progress else 0,
                    "loss": history.latest.get("loss"),
                    "trainer": ProcessIdentity.of(child.pid) if child and alive else None,
                    "pushed_to": history.pushed.repo if history.pushed else None,
                }
            )
        )
