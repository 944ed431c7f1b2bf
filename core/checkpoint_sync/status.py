"""What this home knows of a run's copy on the Hub: how the keeping goes, and whose the run is."""

from pydantic import BaseModel, SecretStr, ValidationError

from core.checkpoint_sync.manifest import read_manifest
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.runs.store import Run


class SyncStatus(BaseModel):
    """How the keeping goes, for the page. `problem` is "" while it goes well."""

    repo: str = ""
    url: str = ""
    step: int = 0
    problem: str = ""


def sync_status(run: Run) -> SyncStatus | None:
    """How the keeping of a run goes; None where nothing is synced."""
    if not run.paths.sync_status.exists():
        return None
    try:
        return SyncStatus.model_validate_json(run.paths.sync_status.read_bytes())
    except ValidationError:
        return SyncStatus(problem="Another version of SmolFactory wrote where it is synced.")


def is_held_elsewhere(run: Run, *, token: SecretStr, here: str) -> bool:
    """Whether a run that this home has was brought back on another machine, or ended there.

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
