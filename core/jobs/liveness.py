"""Whether a run is alive, and what became of one whose supervisor is gone."""

import contextlib
import os
import sys
from datetime import UTC, datetime

from core.errors import UserError
from core.machine.processes import end_family
from core.runs.events import EventWriter, Failure, PushFailed, StateChanged
from core.runs.history import History
from core.runs.state import RunState, RunStatus
from core.runs.store import Run, RunStore

# What an orphaned trainer gets to end by itself.
ORPHAN_GRACE_SECONDS = 5
STARTING_SECONDS = 5


def current_status(run: Run) -> RunStatus:
    """A run's status as it truly is: one whose supervisor is gone is not called live."""
    status = run.status()
    if not status.state.live or _is_being_started(status):
        return status
    descriptor = run.lock()
    if descriptor is None:
        return status
    try:
        # Read again under the lock: it may have ended properly a moment ago.
        status = run.status()
        return _record_interruption(run, status) if status.state.live else status
    finally:
        os.close(descriptor)


def reconcile(store: RunStore) -> None:
    """Look at every run, as after a restart of the machine or of this server."""
    for run in store.list():
        try:
            current_status(run)
        except UserError as error:
            sys.stderr.write(f"{error}\n")


def _is_being_started(status: RunStatus) -> bool:
    """Whether its supervisor may still be on its way: a run is listed a moment before."""
    age = (datetime.now(UTC) - status.updated).total_seconds()
    return status.state is RunState.QUEUED and 0 <= age < STARTING_SECONDS


def _record_interruption(run: Run, status: RunStatus) -> RunStatus:
    """Write down how a run ended whose supervisor did not live to do it."""
    trainer = status.trainer.process() if status.trainer else None
    if trainer is not None:
        end_family(trainer, grace=ORPHAN_GRACE_SECONDS)
    state, note = RunState.INTERRUPTED, "The machine or the process behind this run went away."
    remedy = "Resume: training goes on from the newest whole checkpoint."
    fact: Failure | PushFailed = Failure(
        cause="interrupted", explanation=note, remedies=[remedy]
    )  # fmt: skip
    if status.state is RunState.PUSHING:
        history = History(path=run.paths.events)
        history.follow()
        state = history.after_push(is_pushed=False)
        note = "The push was interrupted. The model is safe here."
        fact = PushFailed(cause="interrupted", explanation=note, remedies=["Push again."])
    ended = status.model_copy(
        update={"state": state, "note": note, "updated": datetime.now(UTC), "trainer": None}
    )
    with contextlib.suppress(OSError):
        # On a full disk this can't be kept, and the next look finds it out again.
        events = EventWriter(run.paths.events)
        events.write(fact)
        events.write(StateChanged(state=state, note=note))
        run.write_status(ended)
    return ended
