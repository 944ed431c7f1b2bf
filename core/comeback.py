"""What a server does first: runs that were cut off go on by themselves, where that was asked."""

import sys
import time

from pydantic import SecretStr

from core import launcher
from core.checkpoint_sync.restore import bring_back_unfinished
from core.errors import HubUnreachable, UserError
from core.runs.store import RunStore

ASK_AGAIN_SECONDS = 300


def go_on(store: RunStore, token: SecretStr | None) -> None:
    """Resume what is to resume by itself, whether it is here or kept on the Hub."""
    # What is here does not wait for a download.
    launcher.resume_interrupted(store, token=token)
    while token is not None and not _is_all_going_on(store, token):
        time.sleep(ASK_AGAIN_SECONDS)


def _is_all_going_on(store: RunStore, token: SecretStr) -> bool:
    try:
        is_all = bring_back_unfinished(store, token=token)
    except HubUnreachable as error:
        sys.stderr.write(f"Runs kept on the Hub will be looked for again: {error}\n")
        is_all = False
    except UserError as error:
        sys.stderr.write(f"Runs kept on the Hub were not looked for: {error}\n")
        is_all = True
    return launcher.resume_interrupted(store, token=token) and is_all
