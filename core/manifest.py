"""kept.json: what the Hub keeps of a run, and which installation the run belongs to."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huggingface_hub import HfApi
from pydantic import BaseModel

from core.runs import RunState
from core.settings import Settings

PREFIX = "smolfactory-run-"
MANIFEST = "kept.json"
# How often a keeper says that its run still trains, and after how long nobody believes it.
BEAT = timedelta(minutes=5)
BELIEVED = 3 * BEAT


class KeptFile(BaseModel):
    size: int
    sha256: str


class Manifest(BaseModel):
    """What is kept of a run: its newest whole checkpoint, and all that resuming needs besides."""

    run: str
    name: str
    step: int
    total: int
    state: RunState
    updated: datetime
    # The installation that the run trains on; no other may write what is kept.
    holder: str
    # How often it was brought back to this very step.
    brought_back: int = 0
    # Whether it goes on without being asked to, once there is a machine for it.
    resume_by_itself: bool
    files: dict[str, KeptFile]

    def trains_elsewhere(self, *, here: str) -> bool:
        """Whether another installation has said a short while ago that it trains this run."""
        is_training = self.state is RunState.TRAINING and self.holder != here
        return is_training and datetime.now(UTC) - self.updated < BELIEVED


def installation(settings: Settings) -> str:
    """The same before and after a restart. Of a Space there is one container at a time."""
    name = settings.space.id if settings.space else f"{uuid.getnode()} {settings.home}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def read_manifest(api: HfApi, repo: str, *, revision: str | None = None) -> Manifest:
    """Raises the Hub's errors, and pydantic.ValidationError where the file is none of ours."""
    path = api.hf_hub_download(repo, MANIFEST, revision=revision)
    return Manifest.model_validate_json(Path(path).read_bytes())
