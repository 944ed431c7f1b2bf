"""What this home knows of a run's checkpoints on the Hub: how syncing goes, and who has the run."""

from pydantic import BaseModel, SecretStr, ValidationError

from core.checkpoint_sync.manifest import read_manifest
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.runs.store import Run

# What version 0.1.0 called it.
OLD_STATUS = "kept.json"


class SyncStatus(BaseModel):
    """How syncing goes, for the page. `problem` is "" while it goes well; `lacks` are the Hub's.

    `left_over` are the bytes of older checkpoints that the Hub still stores in the history.
    """

    repo: str = ""
    url: str = ""
    step: int = 0
    left_over: int = 0
    problem: str = ""
    lacks: list[str] = []


def sync_status(run: Run) -> SyncStatus | None:
    """How syncing a run goes; None where it is not synced."""
    paths = (run.paths.sync_status, run.paths.root / OLD_STATUS)
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return None
    try:
        return SyncStatus.model_validate_json(path.read_bytes())
    except ValidationError:
        return SyncStatus(problem="Another version of SmolFactory wrote the state of the sync.")


def is_held_elsewhere(run: Run, *, token: SecretStr, here: str) -> bool:
    """Whether a run that this home has was restored on another machine, or ended there.

    Raises UserError when the Hub refuses or gives no answer.
    """
    synced = sync_status(run)
    if synced is None or not synced.step:
        return False
    api = hub_client(token)
    with hub_errors(f"the repository {synced.repo}"):
        if not api.repo_exists(synced.repo):
            return True
        manifest = read_manifest(api, synced.repo)
    return manifest is not None and manifest.is_held_elsewhere(here=here)
