"""Pausing the Space once nothing would be lost."""

from pydantic import SecretStr

from core.checkpoint_sync.status import sync_status
from core.errors import UserError
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.jobs.liveness import current_status
from core.publish import demo_space
from core.runs.checkpoints import newest_checkpoint
from core.runs.state import RunState
from core.runs.store import Run, RunStore


def pause_if_all_is_pushed(store: RunStore, *, space_id: str, token: SecretStr) -> None:
    """Pause the Space, unless something would be lost or broken off.

    Raises UserError with the reason when it is not paused, or the Hub refuses.
    """
    for run in store.list():
        reason = _reason_to_stay(run)
        if reason:
            raise UserError(f"{run.status().name} {reason}.")
    with hub_errors(f"the Space {space_id}"):
        hub_client(token).pause_space(space_id)


def is_at_risk(run: Run) -> bool:
    """Whether something of a run would be lost with this machine's disk."""
    return bool(_reason_to_stay(run)) and not _is_synced(run)


def _reason_to_stay(run: Run) -> str:
    """What of a run is not on the Hub yet, or still at work; "" where nothing is."""
    status, paths = current_status(run), run.paths
    if status.state.live:
        return "is still at work"
    demo = demo_space.look(run)
    if demo is not None and demo.note:
        return "is getting a demo Space"
    if status.state is RunState.CANCELED:
        return ""
    if paths.model.is_dir() and status.pushed_to is None:
        return "has a model that is not pushed"
    # The folder is there before the first of them.
    can_go_on = status.state.resumable and newest_checkpoint(paths.checkpoints) is not None
    return "has a checkpoint to go on from" if can_go_on and not _is_synced(run) else ""


def _is_synced(run: Run) -> bool:
    """Whether the Hub has the newest checkpoint of a run; of a live one, that it follows behind."""
    synced, newest = sync_status(run), newest_checkpoint(run.paths.checkpoints)
    if synced is None or synced.problem or not synced.step:
        return False
    return run.status().state.live or newest is None or synced.step >= newest.step
