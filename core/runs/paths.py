"""The names of the files in a run's folder. Nobody else knows them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def resolved(self) -> Path:
        return self.root / "resolved.yaml"

    @property
    def status(self) -> Path:
        return self.root / "status.json"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def history(self) -> Path:
        """What many events added up to. Writer: whoever read them, and it may be gone."""
        return self.root / "history.json"

    @property
    def log(self) -> Path:
        return self.root / "train.log"

    @property
    def older_log(self) -> Path:
        return self.root / "train.log.1"

    @property
    def supervisor_log(self) -> Path:
        return self.root / "supervisor.log"

    @property
    def request(self) -> Path:
        return self.root / "request.json"

    @property
    def push(self) -> Path:
        """Where to push, when a person chose another place than the configuration names."""
        return self.root / "push.json"

    @property
    def publish(self) -> Path:
        """What is pushed, laid out beside the model while a push is under way."""
        return self.root / "publish"

    @property
    def demo(self) -> Path:
        """How far the demo Space of this run is. Writer: the process that makes it."""
        return self.root / "demo.json"

    @property
    def demo_folder(self) -> Path:
        """The demo Space's files, laid out while they are uploaded."""
        return self.root / "demo"

    @property
    def demo_lock(self) -> Path:
        """Locked by the process that makes the demo Space for as long as it lives."""
        return self.root / "demo.lock"

    @property
    def sync_status(self) -> Path:
        """How checkpoint sync goes. Writer: the uploader."""
        return self.root / "checkpoint_sync.json"

    @property
    def sync_staging(self) -> Path:
        """What checkpoint sync is uploading, side by side."""
        return self.root / "checkpoint_sync"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives: the kernel lets go when it dies."""
        return self.root / "supervisor.lock"

    @property
    def reserve(self) -> Path:
        """Room on the disk for the last words of a run; see core/runs/reserve.py."""
        return self.root / "reserve"

    @property
    def data(self) -> Path:
        """The person's own files."""
        return self.root / "data"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def beginning(self) -> Path:
        """What an adapter began as that takes over a part of its base, until it is saved."""
        return self.root / "beginning"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def merged(self) -> Path:
        """The model that stands alone, made from an adapter when that is to be pushed."""
        return self.root / "merged"
