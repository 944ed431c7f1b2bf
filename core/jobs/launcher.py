"""Starting runs, asking things of them, and finding out what became of them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from core.config.output import OutputSection
from core.config.run_config import RunConfig
from core.errors import UserError
from core.jobs.liveness import current_status
from core.machine.atomic import lock_file, write_atomically
from core.machine.environment import allowed_environment
from core.machine.source_tree import ROOT
from core.publish import demo_space
from core.runs.events import EventWriter, StateChanged, Warned
from core.runs.state import RunState, Wish
from core.runs.store import Run, RunStore

LEAVING_SECONDS = 3
NOBODY = "Nobody is signed in to the Hub here."
SIGN_IN = "Sign in; off a Space set HF_TOKEN, or run 'hf auth login', and start SmolFactory again."
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
    """Make a run and start it. The same submission starts one run, however often it is sent.

    `files` are the person's, by the names that the settings give them. `token` is for this run's
    own use of the Hub: a gated model, and the push. `warnings` are shown with the run.
    """
    run, is_new = store.create(config, files=files, submission=submission)
    if is_new:
        events = EventWriter(run.paths.events)
        for text in warnings:
            events.write(Warned(text=text))
        _spawn_supervisor(run, task="train", token=token)
    return run


def stop(run: Run) -> None:
    """Ask a run to save what it learned and end. It takes up to a step and the saving."""
    _ask(run, Wish.STOP)


def cancel(run: Run) -> None:
    """Ask a run to end at once and keep nothing new."""
    _ask(run, Wish.CANCEL)


def resume(run: Run, *, token: SecretStr | None) -> None:
    """Go on from the newest whole checkpoint.

    Raises UserError when the run is not one that can go on.
    """
    status = current_status(run)
    if not status.state.resumable:
        raise UserError(
            f"This run is {status.state}, so there is nothing to resume.",
            hint="Start a new run with the same settings instead.",
        )
    _spawn_supervisor(run, task="train", token=token)


def push(run: Run, *, token: SecretStr | None, output: OutputSection | None = None) -> None:
    """Push the model of a run that has one, without training again.

    `output` names another place than the run's settings do.

    Raises UserError when there is no model, the run is busy, or nobody is signed in.
    """
    status = current_status(run)
    if status.state.live:
        raise UserError("This run is still busy.", hint="Push when it is done.")
    if not run.paths.model.is_dir():
        raise UserError("This run has no model to push.", hint="Let it train to the end first.")
    if token is None:
        raise UserError(NOBODY, hint=SIGN_IN)
    _spawn_supervisor(run, task="push", token=token, output=output)


def make_demo(run: Run, *, token: SecretStr | None) -> None:
    """Make a Space where one can talk to the run's model, in a process of its own.

    Raises UserError when there is no model, nobody is signed in, or one is being made.
    """
    if not run.paths.model.is_dir():
        raise UserError("This run has no model yet.", hint="Let it train to the end first.")
    if token is None:
        raise UserError(NOBODY, hint=SIGN_IN)
    lock = _lock_patiently(run.paths.demo_lock)
    if lock is None:
        raise UserError("A demo Space of this run is being made already.", hint="Wait for it.")
    try:
        write_atomically(run.paths.demo, demo_space.Demo(note="Starting…").model_dump_json())
        # It passes to the child unbroken, so that nobody takes it for one that ended early.
        _spawn(
            ["core.publish.demo_space", str(run.paths.root)], run=run, token=token, pass_fds=[lock]
        )
    finally:
        os.close(lock)


def save_all(store: RunStore, *, grace: float) -> None:
    """Have every trainer save a checkpoint and end, as when the machine goes down.

    Returns when their supervisors are gone, which copy it to the Hub where that was asked for, or
    after `grace` seconds.
    """
    training = [(run, status) for run, status in store.readable() if status.state in SAVABLE]
    for _, status in training:
        process = status.trainer.process() if status.trainer else None
        if process is not None:
            process.terminate()
    end = time.monotonic() + grace
    while any(run.is_supervised() for run, _ in training) and time.monotonic() < end:
        time.sleep(0.1)


def _ask(run: Run, wish: Wish) -> None:
    status = current_status(run)
    if not status.state.live:
        raise UserError(f"This run has ended already: it is {status.state}.")
    if status.state is RunState.PUSHING:
        raise UserError("This run is pushing its model.", hint="Wait for it; it is trained.")
    run.ask(wish)


def _spawn_supervisor(
    run: Run, *, task: str, token: SecretStr | None, output: OutputSection | None = None
) -> None:
    """Start the supervisor of a run. Raises UserError when the run already has one."""
    descriptor = _lock_patiently(run.paths.lock)
    if descriptor is None:
        raise UserError("This run is already being worked on.", hint="Wait for it to end.")
    try:
        run.paths.request.unlink(missing_ok=True)
        if output is not None:
            run.choose_output(output)
        _announce(run, RunState.PUSHING if task == "push" else RunState.QUEUED)
        # The lock passes to the child unbroken, and dies with it.
        _spawn(
            ["core.jobs.supervisor", str(run.paths.root), task], run=run, token=token,
            pass_fds=[descriptor],
        )  # fmt: skip
    finally:
        os.close(descriptor)


def _spawn(
    arguments: list[str], *, run: Run, token: SecretStr | None, pass_fds: Sequence[int] = ()
) -> None:
    """Start a module that outlives this process."""
    with run.paths.supervisor_log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=allowed_environment(token=token),
            # A session of its own: closing the app must not end a six-hour run.
            start_new_session=True,
            pass_fds=pass_fds,
        )
    threading.Thread(target=process.wait, name=f"reap-{run.id}", daemon=True).start()


def _lock_patiently(path: Path) -> int | None:
    """A process that has said that it is through takes a moment to be gone itself."""
    end = time.monotonic() + LEAVING_SECONDS
    while (descriptor := lock_file(path)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return descriptor


def _announce(run: Run, state: RunState) -> None:
    EventWriter(run.paths.events).write(StateChanged(state=state))
    status = run.status()
    run.write_status(
        status.model_copy(update={"state": state, "note": "", "updated": datetime.now(UTC)})
    )
