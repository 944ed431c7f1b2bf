"""The manifest of a run's checkpoints on the Hub, and which installation the run belongs to."""

import contextlib
import os
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError
from pydantic import AliasChoices, AwareDatetime, BaseModel, Field, ValidationError

from core.runs.checkpoint_files import FileRecord
from core.runs.state import RunState
from core.settings import Settings

# After so many restores at the same step a run is not restored by itself again.
STUCK_AFTER = 3

PREFIX = "smolfactory-run-"
MANIFEST = "manifest.json"
# What version 1 called it.
OLD_MANIFEST = "kept.json"
CHECKPOINT = "checkpoint"
STEPS = "step-"
# How often an uploader says that its run still trains, and after what silence it counts as gone.
HEARTBEAT = timedelta(minutes=5)
GONE_AFTER = 3 * HEARTBEAT


class Manifest(BaseModel):
    """What the Hub has of a run: its newest complete checkpoint, and what else resuming needs."""

    run: str
    name: str
    step: int
    total: int
    state: RunState
    updated: AwareDatetime
    # The installation that the run trains on; no other may upload to it. "" is nobody's.
    holder: str = ""
    # How often it was restored at this step.
    restored: int = Field(0, validation_alias=AliasChoices("restored", "brought_back"))
    # Whether it resumes by itself, once there is a machine for it.
    auto_resume: bool = Field(validation_alias=AliasChoices("auto_resume", "resume_by_itself"))
    # Where in the repository the step's files lie.
    folder: str
    files: dict[str, FileRecord]

    def trains_elsewhere(self, *, here: str) -> bool:
        """Whether another installation has sent a heartbeat for this run lately."""
        is_training = self.state is RunState.TRAINING and self.is_held_elsewhere(here=here)
        return is_training and datetime.now(UTC) - self.updated < GONE_AFTER

    def bytes_not_in(self, newer: "Manifest") -> int:
        """What is in the history alone, now that another step is the newest."""
        return sum(f.size for path, f in self.files.items() if newer.files.get(path) != f)

    def is_held_elsewhere(self, *, here: str) -> bool:
        return self.holder not in ("", here)


def step_folder(step: int, *, holder: str) -> str:
    """Where an installation puts a step's files, so that uploads of two never mix."""
    return f"{STEPS}{step}-{sha256(holder.encode()).hexdigest()[:8]}"


def installation(settings: Settings) -> str:
    """Names this home, or the Space, whose home may be a new one after each restart."""
    if settings.space is not None:
        # It has one container, except for the moment in which a new one takes over.
        return settings.space.id
    path = settings.home / "installation"
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=settings.home, encoding="utf-8") as new:
            new.write(uuid.uuid4().hex)
            new.flush()
            # Of two processes that do this at once, the second takes the name of the first.
            with contextlib.suppress(FileExistsError):
                os.link(new.name, path)
    return path.read_text(encoding="utf-8")


def read_manifest(api: HfApi, repo: str, *, revision: str | None = None) -> Manifest | None:
    """None where there is none of ours. Raises the Hub's errors."""
    for name in (MANIFEST, OLD_MANIFEST):
        try:
            path = api.hf_hub_download(repo, name, revision=revision)
            break
        except RemoteEntryNotFoundError:
            continue
    else:
        return None
    try:
        return Manifest.model_validate_json(Path(path).read_bytes())
    except ValidationError:
        return None
