"""The repository that a run's checkpoints are synced to."""

from huggingface_hub import HfApi
from pydantic import SecretStr

from core.checkpoint_sync.manifest import PREFIX
from core.hub.errors import hub_errors
from core.hub.permissions import writable_owner
from core.runs.store import Run


def sync_repo(run: Run, token: SecretStr) -> str:
    """The repository that a run's checkpoints are synced to.

    Raises UserError when this token may not write there.
    """
    return f"{writable_owner(run.output(), token)}/{PREFIX}{run.id}"


def delete_repo(api: HfApi, repo: str) -> None:
    """Delete a run's checkpoints from the Hub. Raises UserError when the Hub refuses."""
    with hub_errors(f"the repository {repo}"):
        api.delete_repo(repo, missing_ok=True)
