"""The runs of a home that wait for its device: a small file each, so that a look reads no run.

A run waits while its file is there and its state says queued, and then it has no process. Whoever
holds the run's lock adds and removes the file.
"""

import os
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core.config.setting import RUN_ID
from core.errors import UserError
from core.jobs.plan import StageName
from core.machine.atomic import lock_file, write_atomically
from core.machine.processes import ProcessIdentity
from core.runs.store import Run, RunStore


class TokenOwner(StrEnum):
    """Whose token a run was started with: all that is written down of it."""

    NOBODY = "nobody"
    INSTALLATION = "installation"
    PERSON = "person"


class Ticket(BaseModel):
    """What is known of a run that waits, besides its folder."""

    stages: list[StageName]
    token_owner: TokenOwner


class Queue:
    """Nobody but the owner of the home may look into the folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "queue"
        self._waiting = self.folder / "waiting"
        # Names the process that closed the queue.
        self._closed = self.folder / "closed"

    @property
    def socket(self) -> Path:
        """Where the dispatcher listens."""
        return self.folder / "dispatcher.sock"

    @property
    def log(self) -> Path:
        return self.folder / "dispatcher.log"

    def lock(self) -> int | None:
        """Become the one that starts runs. Returns the locked descriptor, None if there is one."""
        self._make_folders()
        return lock_file(self.folder / "dispatcher.lock")

    def add(self, run: Run, ticket: Ticket) -> None:
        self._make_folders()
        write_atomically(self._waiting / run.id, ticket.model_dump_json())

    def remove(self, run: Run) -> None:
        (self._waiting / run.id).unlink(missing_ok=True)

    def has(self, run: Run) -> bool:
        return (self._waiting / run.id).exists()

    def close(self) -> None:
        """Have nobody start what waits for as long as this process lives: the machine goes down."""
        self._make_folders()
        write_atomically(self._closed, ProcessIdentity.of(os.getpid()).model_dump_json())

    def is_closed(self) -> bool:
        try:
            closed_by = ProcessIdentity.model_validate_json(self._closed.read_bytes())
        except (FileNotFoundError, ValidationError):
            return False
        return closed_by.process() is not None

    def ticket(self, run: Run) -> Ticket | None:
        """None when the run does not wait, or another version's ticket can't be read."""
        try:
            return Ticket.model_validate_json((self._waiting / run.id).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def runs(self) -> list[Run]:
        """Those that wait, first come first. One that is gone from the home is forgotten."""
        store = RunStore(self.home)
        found = []
        for run_id in self._ids():
            try:
                found.append(store.open(run_id))
            except UserError:
                (self._waiting / run_id).unlink(missing_ok=True)
        return found

    def _ids(self) -> list[str]:
        if not self._waiting.is_dir():
            return []
        with os.scandir(self._waiting) as entries:
            # One that is still being written has another name; one may go while we look.
            came = [(_came(entry), entry.name) for entry in entries if RUN_ID.match(entry.name)]
        return [run_id for _, run_id in sorted(came)]

    def _make_folders(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._waiting.mkdir(exist_ok=True)


def _came(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
