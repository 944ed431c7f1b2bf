"""Starts the runs of a home that wait, in order, when its device is free.

    python -m core.jobs.dispatcher HOME LOCK

LOCK is the number of an open file descriptor: dispatcher.lock, held by whoever starts this.

Whoever holds dispatcher.lock starts runs, and nobody else does. A launcher that gets the lock
starts what it can by itself; if something still waits then, it passes the lock to this process,
which ends when nothing waits. A launcher that does not get the lock leaves the run's file in the
queue and its token with the dispatcher, and tries both again until one has worked: so a dispatcher
that is about to end leaves no run behind.

A token is in the memory of the dispatcher alone. When the dispatcher is killed, the runs wait on,
and who next looks at one of them starts another. That one has the token of this installation for
the runs that were started with it; a run that a person started with a sign-in of their own is
interrupted, and asks them to sign in and resume it.
"""

import os
import sys
import time
from pathlib import Path

from core.errors import UserError
from core.jobs.engines import engine_of
from core.jobs.handover import hand_over, listening, receive
from core.jobs.plan import StageName
from core.jobs.queue import Queue, Ticket, TokenOwner
from core.jobs.record import CANCELED_BEFORE_START, canceled, enter
from core.jobs.submitter import Submitter, pack_all, unpack_all
from core.machine.detached import spawn_detached
from core.runs.causes import FailureCause
from core.runs.checkpoints import newest_checkpoint
from core.runs.events import Failure
from core.runs.state import RunState
from core.runs.store import Run
from core.settings import load_settings, token_of_this_process

POLL_SECONDS = 1.0
HAND_OVER_SECONDS = 10.0
RETRY_SECONDS = 0.05


def queue_up(run: Run, *, stages: list[StageName], submitter: Submitter) -> int | None:
    """Have a run wait for its turn. The caller has its lock, and its state says queued.

    Returns the dispatcher's lock where nobody had it: `take_turn` is then for the caller to call,
    once it has let go of the run.
    """
    queue = Queue(run.home)
    queue.add(run, Ticket(stages=stages, token_owner=_owner(submitter)))
    end = time.monotonic() + HAND_OVER_SECONDS
    while time.monotonic() < end:
        lock = queue.lock()
        if lock is not None or hand_over(queue, {run.id: submitter}):
            return lock
        time.sleep(RETRY_SECONDS)
    # A dispatcher that does not answer still finds the run, and starts it if it knows the token.
    return None


def take_turn(home: Path, *, lock: int, submitters: dict[str, Submitter]) -> None:
    """Start what may start now, and leave the rest and the dispatcher's lock to a process."""
    queue = Queue(home)
    try:
        _start_waiting(queue, submitters)
        if queue.runs():
            _spawn(queue, lock=lock, submitters=submitters)
    finally:
        os.close(lock)


def ensure_dispatcher(home: Path) -> None:
    """See that somebody starts what waits."""
    queue = Queue(home)
    lock = queue.lock()
    if lock is not None:
        try:
            _spawn(queue, lock=lock, submitters={})
        finally:
            os.close(lock)


def call_off(run: Run) -> None:
    """End a run that waits, at once. The caller has its lock."""
    enter(run, RunState.CANCELED, note=canceled(run, CANCELED_BEFORE_START))
    if _is_owed_an_end(run):
        # The dispatcher knows with which token.
        ensure_dispatcher(run.home)
    else:
        Queue(run.home).remove(run)


def _spawn(queue: Queue, *, lock: int, submitters: dict[str, Submitter]) -> None:
    spawn_detached(
        ["core.jobs.dispatcher", str(queue.home), str(lock)],
        log=queue.log,
        environment=Submitter.here(token_of_this_process()).environment(),
        pass_fds=[lock],
        stdin=pack_all(submitters),
    )


def _start_waiting(queue: Queue, submitters: dict[str, Submitter]) -> None:
    """Start the first that waits, if the device is free; and end those that are over."""
    is_turn = not queue.is_closed()
    for run in queue.runs():
        # It may be on its way into the queue still, or somebody looks at it.
        lock = run.lock()
        if lock is None:
            is_turn = is_turn and not _is_queued(run)
            continue
        try:
            if not _is_queued(run):
                _finish(queue, run, submitters.get(run.id), lock=lock)
            elif not is_turn or not _start(queue, run, submitters.get(run.id), lock=lock):
                is_turn = False
                continue
            queue.remove(run)
            submitters.pop(run.id, None)
        except OSError as error:
            # A full disk or too many processes: tried again.
            sys.stderr.write(f"Run {run.id} was not started: {error}\n")
            is_turn = False
        finally:
            os.close(lock)


def _start(queue: Queue, run: Run, submitter: Submitter | None, *, lock: int) -> bool:
    """Start a run whose turn it is. Returns False while the device is in use."""
    ticket = queue.ticket(run)
    submitter = submitter or _known_submitter(ticket)
    if ticket is None or submitter is None:
        _ask_to_sign_in(run)
        return True
    return engine_of(run).start(run, stages=ticket.stages, submitter=submitter, lock=lock)


def _finish(queue: Queue, run: Run, submitter: Submitter | None, *, lock: int) -> None:
    """Have what is left to do done for a run that was called off while it waited."""
    submitter = submitter or _known_submitter(queue.ticket(run))
    if submitter is not None and _is_owed_an_end(run):
        engine_of(run).start(run, stages=[], submitter=submitter, lock=lock)


def _is_owed_an_end(run: Run) -> bool:
    """Whether its checkpoint on the Hub should go, or the Space may pause now."""
    try:
        if run.status().state is not RunState.CANCELED:
            return False
        is_synced = run.config().output.sync_checkpoints
        has_checkpoint = newest_checkpoint(run.paths.checkpoints) is not None
        pauses = run.output().pause_space and load_settings().space is not None
        return pauses or (is_synced and has_checkpoint)
    except UserError:
        return False


def _is_queued(run: Run) -> bool:
    try:
        return run.status().state is RunState.QUEUED
    except UserError:
        # A newer version's, which is not ours to start.
        return False


def _owner(submitter: Submitter) -> TokenOwner:
    if submitter.token is None:
        return TokenOwner.NOBODY
    is_own = submitter.token == token_of_this_process()
    return TokenOwner.INSTALLATION if is_own else TokenOwner.PERSON


def _known_submitter(ticket: Ticket | None) -> Submitter | None:
    """Who started a run that a dispatcher before this one knew; None where the token is lost."""
    if ticket is None or ticket.token_owner is TokenOwner.PERSON:
        return None
    if ticket.token_owner is TokenOwner.NOBODY:
        return Submitter.here(None)
    token = token_of_this_process()
    return Submitter.here(token) if token else None


def _ask_to_sign_in(run: Run) -> None:
    note = "SmolFactory restarted while this run waited, and your sign-in is not stored on disk."
    cause = Failure(
        cause=FailureCause.SIGNED_OUT, explanation=note, remedies=["Sign in and press Resume."]
    )
    enter(run, RunState.INTERRUPTED, note=note, fact=cause)


def main() -> None:
    queue, lock = Queue(Path(sys.argv[1])), int(sys.argv[2])
    submitters = unpack_all(sys.stdin.buffer.read())
    with listening(queue) as listener:
        while waiting := {run.id for run in queue.runs()}:
            # A token is forgotten with its run.
            submitters = {run: known for run, known in submitters.items() if run in waiting}
            _start_waiting(queue, submitters)
            submitters |= receive(listener, timeout=POLL_SECONDS)
    # Only now: who comes meanwhile tries until they have the lock.
    os.close(lock)


if __name__ == "__main__":
    main()
