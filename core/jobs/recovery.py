"""What a server does first: runs that were cut off go on by themselves, where that was asked."""

import sys
import time

from pydantic import SecretStr

from core.checkpoint_sync.manifest import STUCK_AFTER, installation
from core.checkpoint_sync.restore import restore_interrupted
from core.checkpoint_sync.status import is_held_elsewhere
from core.errors import HubUnreachable, UserError
from core.jobs.launcher import resume
from core.runs.history import History
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from core.settings import load_settings

ASK_AGAIN_SECONDS = 300


def go_on(store: RunStore, token: SecretStr | None) -> None:
    """Resume what is to resume by itself, whether it is here or on the Hub."""
    # What is here does not wait for a download.
    resume_interrupted(store, token=token)
    while token is not None and not _is_all_going_on(store, token):
        time.sleep(ASK_AGAIN_SECONDS)


def _is_all_going_on(store: RunStore, token: SecretStr) -> bool:
    try:
        is_all = restore_interrupted(store, token=token)
    except HubUnreachable as error:
        sys.stderr.write(f"Runs on the Hub will be looked for again: {error}\n")
        is_all = False
    except UserError as error:
        sys.stderr.write(f"Runs on the Hub were not looked for: {error}\n")
        is_all = True
    return resume_interrupted(store, token=token) and is_all


def resume_interrupted(store: RunStore, *, token: SecretStr | None) -> bool:
    """Resume the runs whose machine went away and that are to go on by themselves.

    Returns whether that is all: False where the Hub did not say whose a run is by now.
    """
    is_all = True
    # Those that came first are the first to wait for the device again.
    for run, status in reversed(list(store.readable())):
        try:
            if status.state is RunState.INTERRUPTED and _may_go_on(run, token=token):
                resume(run, token=token)
        except (UserError, OSError) as error:
            # One that can't go on must not hold up the others.
            sys.stderr.write(f"Run {run.id} was not resumed: {error}\n")
            is_all = is_all and not isinstance(error, HubUnreachable)
    return is_all


def _may_go_on(run: Run, *, token: SecretStr | None) -> bool:
    """Whether a run resumes by itself. Raises UserError when the Hub gives no answer about it."""
    if not run.config().output.auto_resume:
        return False
    history = History.of(run.paths)
    history.follow()
    here = installation(load_settings())
    is_elsewhere = token is not None and is_held_elsewhere(run, token=token, here=here)
    return not is_elsewhere and not _is_stuck(history)


def _is_stuck(history: History) -> bool:
    """Whether the run itself may be what takes the machine down."""
    last = history.resumed_at[-STUCK_AFTER:]
    return len(last) == STUCK_AFTER and len(set(last)) == 1
