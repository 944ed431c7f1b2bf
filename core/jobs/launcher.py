"""Starting runs and asking things of them."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.status import sync_status
from core.config.output import OutputSection
from core.config.run_config import RunConfig
from core.errors import HubUnreachable, UserError
from core.jobs.dispatcher import call_off, queue_up, take_turn
from core.jobs.engines import engine_of
from core.jobs.liveness import current_status
from core.jobs.plan import owed_stages
from core.jobs.queue import Queue
from core.jobs.record import enter
from core.jobs.submitter import Submitter
from core.machine.atomic import lock_file, write_atomically
from core.machine.detached import spawn_detached
from core.machine.disk import require_room
from core.publish import demo_space
from core.publish.checks import require_pushable
from core.publish.occupied import Contents
from core.runs.checkpoints import newest_checkpoint
from core.runs.events import EventWriter, ReplaceAllowed, Warned
from core.runs.reserve import despite_full_disk, hold_reserve
from core.runs.state import RunState, Wish
from core.runs.store import Run, RunStore
from core.settings import sign_in_hint

LEAVING_SECONDS = 3
NOBODY = "Not signed in to the Hub."
BUSY = "This run is already active."
NOT_SEEN = "The push will replace nothing, since what is in the repository could not be checked."
SAVABLE = (RunState.PREPARING, RunState.TRAINING)


def start(
    store: RunStore,
    config: RunConfig,
    *,
    files: Mapping[str, Path],
    submission: str,
    token: SecretStr | None,
    warnings: Sequence[str] = (),
) -> Run:
    """Make a run, and start it when its turn comes: at once where the device is free.

    The same submission starts one run, however often it is sent. `files` are the person's, by the
    names that the settings give them. `token` is for this run's own use of the Hub: a gated model,
    and the push. `warnings` are shown with the run.
    """
    run, is_new = store.create(config, files=files, submission=submission)
    if is_new:
        events = EventWriter(run.paths.events)
        for text in warnings:
            events.write(Warned(text=text))
        if config.output.push_to_hub and config.output.replace:
            # Just checked. Where that has changed by now, the push itself refuses.
            try:
                _allow_replacing(run, require_pushable(run.output(), run=run, token=token))
            except UserError as error:
                events.write(Warned(text=f"{NOT_SEEN} {error.message}"))
        _submit(run, token=token)
    return run


def stop(run: Run) -> None:
    """Ask a run to save what it learned and end. It takes up to a step and the saving."""
    _ask(run, Wish.STOP)


def cancel(run: Run) -> None:
    """Ask a run to end at once and save nothing new."""
    _ask(run, Wish.CANCEL)


def resume(run: Run, *, token: SecretStr | None) -> None:
    """Go on from the newest whole checkpoint.

    Raises UserError when the run is not one that can go on, or the disk has no room.
    """
    status = current_status(run)
    if not status.state.resumable:
        raise UserError(
            f"This run is {status.state}, so there is nothing to resume.",
            hint="Start a new run with the same settings instead.",
        )
    newest = newest_checkpoint(run.paths.checkpoints)
    require_room(
        newest.size if newest else 0, home=run.home, what="Resuming", field=None,
        hint="Delete old runs or caches, then resume.",
    )  # fmt: skip
    _submit(run, token=token)


def push(run: Run, *, token: SecretStr | None, output: OutputSection | None = None) -> None:
    """Push the model of a run that has one, without training again.

    `output` names another place than the run's settings do.

    Raises UserError when there is no model, the run is busy, nobody is signed in, or the push would
    be refused; Occupied where it would replace what others have put there.
    """
    status = current_status(run)
    if status.state.live:
        raise UserError("This run is still busy.", hint="Push when it is done.")
    if not run.paths.model.is_dir():
        raise UserError("This run has no model to push.", hint="Let it train to the end first.")
    if token is None:
        raise UserError(NOBODY, hint=sign_in_hint())
    replaced = None
    # The push itself waits for a Hub that is away, and says so.
    with contextlib.suppress(HubUnreachable):
        replaced = require_pushable(output or run.output(), run=run, token=token)
    lock = _lock_to_start(run)
    try:
        _allow_replacing(run, replaced)
        if output is not None:
            run.choose_output(output)
        stages = owed_stages(run, trains=False)
        hold_reserve(run.paths)
        enter(run, RunState.PUSHING)
        # It needs no device, so it waits for nobody.
        engine_of(run).start(run, stages=stages, submitter=Submitter.here(token), lock=lock)
    finally:
        os.close(lock)


def _allow_replacing(run: Run, there: Contents | None) -> None:
    """Write down what a push may replace: what others commit after that, it may not."""
    if there is not None:
        EventWriter(run.paths.events).write(ReplaceAllowed(repo=there.repo, commit=there.commit))


def make_demo(run: Run, *, token: SecretStr | None) -> None:
    """Make a Space where one can talk to the run's model, in a process of its own.

    Raises UserError when there is no model, nobody is signed in, or one is being made.
    """
    demo_space.require_speaker(run)
    if token is None:
        raise UserError(NOBODY, hint=sign_in_hint())
    lock = _lock_patiently(run.paths.demo_lock)
    if lock is None:
        raise UserError(demo_space.BUSY, hint="Wait for it.")
    try:
        write_atomically(run.paths.demo, demo_space.Demo(note="Starting…").model_dump_json())
        # It passes to the child unbroken, so that nobody takes it for one that ended early.
        spawn_detached(
            ["core.publish.demo_space", str(run.paths.root)],
            log=run.paths.supervisor_log,
            environment=Submitter.here(token).environment(),
            pass_fds=[lock],
        )
    finally:
        os.close(lock)


def save_all(store: RunStore, *, grace: float) -> None:
    """Have every trainer save a checkpoint and end, as when the machine goes down.

    Returns when their supervisors are gone, which copy it to the Hub where that was asked for, or
    after `grace` seconds.
    """
    # The device becomes free, and what would begin now would be cut off at once.
    with contextlib.suppress(OSError):
        Queue(store.home).close()
    training = [(run, status) for run, status in store.readable() if status.state in SAVABLE]
    for _, status in training:
        process = status.trainer.process() if status.trainer else None
        if process is not None:
            process.terminate()
    end = time.monotonic() + grace
    while any(engine_of(run).is_alive(run) for run, _ in training) and time.monotonic() < end:
        time.sleep(0.1)


def _submit(run: Run, *, token: SecretStr | None) -> None:
    """Have a run trained when its turn comes. Raises UserError when it is being worked on."""
    submitter = Submitter.here(token)
    lock = _lock_to_start(run)
    try:
        stages = owed_stages(run, trains=True)
        hold_reserve(run.paths)
        enter(run, RunState.QUEUED)
        dispatcher = queue_up(run, stages=stages, submitter=submitter)
    finally:
        os.close(lock)
    if dispatcher is not None:
        take_turn(run.home, lock=dispatcher, submitters={run.id: submitter})


def _ask(run: Run, wish: Wish) -> None:
    status = current_status(run)
    if not status.state.live:
        raise UserError(f"This run has ended already: it is {status.state}.")
    if status.state is RunState.PUSHING:
        raise UserError("This run is pushing its model.", hint="Wait for it; it is trained.")
    # A supervisor that begins just now looks for it first.
    despite_full_disk(run.paths, partial(run.ask, wish))
    end = time.monotonic() + LEAVING_SECONDS
    while run.status().state is RunState.QUEUED and time.monotonic() < end:
        lock = run.lock()
        if lock is None:
            time.sleep(0.05)
            continue
        try:
            if run.status().state is RunState.QUEUED:
                call_off(run)
        finally:
            os.close(lock)


def _lock_to_start(run: Run) -> int:
    """The lock of a run that nobody works on, of which nothing is asked any more."""
    lock = _lock_patiently(run.paths.lock)
    if lock is None and not run.status().state.live and sync_status(run) is not None:
        raise UserError(
            "The last checkpoint of this run is still being uploaded to the Hub.",
            hint="Try again when it is there: the run's page says which step is synced.",
        )
    if lock is None:
        raise UserError(BUSY, hint="Wait for it to end.")
    run.paths.request.unlink(missing_ok=True)
    return lock


def _lock_patiently(path: Path) -> int | None:
    """A process that has said that it is through takes a moment to be gone itself."""
    end = time.monotonic() + LEAVING_SECONDS
    while (descriptor := lock_file(path)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return descriptor
