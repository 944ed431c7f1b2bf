"""Whether a run is alive, and what became of one whose supervisor is gone."""

import contextlib
import os
import sys
from datetime import UTC, datetime

from core.errors import UserError
from core.jobs.diagnosis import DISK_FULL
from core.jobs.dispatcher import ensure_dispatcher
from core.jobs.engines import engine_of
from core.jobs.queue import Queue
from core.jobs.record import enter
from core.machine.disk import is_full
from core.runs.causes import FailureCause
from core.runs.events import Failure, PushFailed
from core.runs.history import History
from core.runs.state import RunState, RunStatus
from core.runs.store import Run, RunStore

STARTING_SECONDS = 5
RESUME = "Resume: training goes on from the newest whole checkpoint."


def current_status(run: Run) -> RunStatus:
    """A run's status as it truly is: one whose supervisor is gone is not called live.

    One that waits has none. It waits on after a restart of the machine, and whoever looks at it
    sees that somebody starts it when its turn comes.
    """
    engine = engine_of(run)
    engine.follow(run)
    status = run.status()
    if not status.state.live:
        return status
    if _waits(run, status):
        ensure_dispatcher(run.home)
        return status
    if _is_being_started(status) or engine.is_alive(run):
        return status
    descriptor = run.lock()
    if descriptor is None:
        return status
    try:
        # Read again under the lock: it may have ended properly a moment ago.
        status = run.status()
        if not status.state.live or _waits(run, status):
            return status
        engine.cancel(run)
        return _record_interruption(run, status)
    finally:
        os.close(descriptor)


def reconcile(store: RunStore) -> None:
    """Look at every run, as after a restart of the machine or of this server."""
    for run in store.list():
        try:
            current_status(run)
        except UserError as error:
            sys.stderr.write(f"{error}\n")


def _waits(run: Run, status: RunStatus) -> bool:
    return status.state is RunState.QUEUED and Queue(run.home).has(run)


def _is_being_started(status: RunStatus) -> bool:
    """Whether it may still be on its way into the queue: a run is listed a moment before."""
    age = (datetime.now(UTC) - status.updated).total_seconds()
    return status.state is RunState.QUEUED and 0 <= age < STARTING_SECONDS


def _record_interruption(run: Run, status: RunStatus) -> RunStatus:
    """Write down how a run ended whose supervisor did not live to do it."""
    state, note = RunState.INTERRUPTED, "The machine or the process behind this run went away."
    cause, remedies = FailureCause.INTERRUPTED, [RESUME]
    if is_full(run.home):
        # It did not live to say so: there was no room for its last words.
        note, cause, remedies = DISK_FULL.explanation, DISK_FULL.cause, DISK_FULL.remedies
    fact: Failure | PushFailed = Failure(cause=cause, explanation=note, remedies=remedies)
    if status.state is RunState.PUSHING:
        history = History.of(run.paths)
        history.follow()
        state = history.after_push(is_pushed=False)
        note = "The push was interrupted. The model is safe here."
        fact = PushFailed(cause=cause, explanation=note, remedies=["Push again."])
    with contextlib.suppress(OSError):
        # On a full disk this can't be written down, and the next look finds it out again.
        return enter(run, state, note=note, fact=fact)
    return status.model_copy(update={"state": state, "note": note, "trainer": None})
