"""How much of uploads is stored at once: of one person, and in all. Old ones are deleted."""

import json
import logging
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread

from core.errors import UserError
from core.machine.atomic import write_atomically
from core.machine.disk import require_room
from interface.access.roles import Person, Role
from interface.access.uploads import uploads_folder

logger = logging.getLogger(__name__)

GB = 1024**3
LIFETIME_SECONDS, SWEEP_SECONDS = 24 * 3600.0, 3600.0
# Since it was last written to: what is left of an upload that broke off.
BROKEN_OFF_SECONDS = 600.0
MAX_BYTES = 50 * GB
# Of one person on a Space; at the machine itself there is only one.
MAX_PERSON_BYTES = 10 * GB
MAX_FILES = 1000
INSTEAD = (
    "Uploads are deleted after a day; each run has its own copy. For large data, put a dataset on "
    "the Hub and choose it there."
)


@dataclass(frozen=True)
class _Upload:
    """One folder of uploads: Gradio makes one for each content."""

    path: Path
    size: int
    files: int
    since: float


@dataclass
class UploadTotals:
    """Says whether another upload fits, and remembers whose each is."""

    home: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # What is on its way here, by the person who sends it.
    _arriving: dict[str, int] = field(default_factory=dict)

    def expect(self, person: Person, size: int) -> None:
        """Reserve room for an upload of so many bytes while it comes. Raises UserError."""
        with self._lock:
            self._require_room(person, size)
            self._arriving[person.name] = self._arriving.get(person.name, 0) + size

    def expect_no_more(self, person: Person, size: int) -> None:
        with self._lock:
            self._arriving[person.name] -= size

    def has_come(self, person: Person, names: list[str]) -> None:
        """Remember whose these files are. Where they are too many, deletes them: UserError."""
        if not names:
            return
        with self._lock:
            folders = {path.parent.name for path in map(Path, names)}
            before = self._owners()
            owners = before | dict.fromkeys(folders, person.name)
            write_atomically(self._ledger, json.dumps(owners))
            theirs = [each for each in self._uploads() if owners.get(each.path.name) == person.name]
            if sum(each.files for each in theirs) > MAX_FILES:
                # What was here before may be in use.
                for each in theirs:
                    if each.path.name in folders - before.keys():
                        shutil.rmtree(each.path, ignore_errors=True)
                raise _too_many()

    @asynccontextmanager
    async def swept(self, _app: object) -> AsyncIterator[None]:
        """Sweep now and every hour: nobody may upload for days."""

        async def sweep_on() -> None:
            while True:
                try:
                    await to_thread.run_sync(self.sweep)
                except OSError:
                    # The page goes on where the disk fails.
                    logger.exception("Old uploads could not be deleted")
                await anyio.sleep(SWEEP_SECONDS)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sweep_on)
            yield
            tasks.cancel_scope.cancel()

    def sweep(self) -> None:
        """Delete what is older than a day, and what is left of uploads that broke off."""
        with self._lock:
            self._sweep()

    def _require_room(self, person: Person, size: int) -> None:
        self._sweep()
        stored, owners = self._uploads(), self._owners()
        theirs = [each for each in stored if owners.get(each.path.name) == person.name]
        if sum(each.files for each in theirs) >= MAX_FILES:
            raise _too_many()
        used = sum(each.size for each in theirs) + self._arriving.get(person.name, 0)
        most = MAX_BYTES if person.role is Role.LOCAL else MAX_PERSON_BYTES
        _require_below(most, used=used, size=size, what="your uploads")
        used = sum(each.size for each in stored) + sum(self._arriving.values())
        _require_below(MAX_BYTES, used=used, size=size, what="all uploads")
        needed = size + sum(self._arriving.values())
        require_room(
            needed, home=self.home, what="This upload", field="dataset.files", hint=INSTEAD
        )

    def _sweep(self) -> None:
        now = time.time()
        for each in self._uploads():
            is_broken_off = each.path.is_file()
            if now - each.since < (BROKEN_OFF_SECONDS if is_broken_off else LIFETIME_SECONDS):
                continue
            if is_broken_off:
                each.path.unlink(missing_ok=True)
            else:
                shutil.rmtree(each.path, ignore_errors=True)
        owners = self._owners()
        left = {name: owner for name, owner in owners.items() if (self._folder / name).is_dir()}
        if left != owners:
            write_atomically(self._ledger, json.dumps(left))

    def _uploads(self) -> list[_Upload]:
        """All that lies in the folder: a file beside the folders is still on its way."""
        found: dict[Path, tuple[float, list[os.stat_result]]] = {}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            try:
                files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
                found[path] = path.stat().st_mtime, [file.stat() for file in files]
            except FileNotFoundError:
                # Taken into its own folder meanwhile.
                continue
        links = Counter((f.st_dev, f.st_ino) for _, held in found.values() for f in held)
        uploads = []
        for path, (since, held) in found.items():
            # What a run has too takes no room here, and the rest takes it once.
            own = [f for f in held if links.pop((f.st_dev, f.st_ino), 0) == f.st_nlink]
            size = sum(file.st_size for file in own)
            uploads.append(_Upload(path=path, size=size, files=len(held), since=since))
        return uploads

    def _owners(self) -> dict[str, str]:
        """Whose the folders of uploads are, as far as that was written down."""
        try:
            owners: dict[str, str] = json.loads(self._ledger.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return owners

    @property
    def _folder(self) -> Path:
        return uploads_folder(self.home)

    @property
    def _ledger(self) -> Path:
        return self.home / "uploads.json"


def _too_many() -> UserError:
    return UserError(f"You have uploaded {MAX_FILES:,} files today, the limit.", hint=INSTEAD)


def _require_below(most: int, *, used: int, size: int, what: str) -> None:
    if used + size > most:
        raise UserError(
            f"No room for this upload: {what} here take {used / GB:.1f} GB of at most "
            f"{most / GB:g} GB.",
            hint=INSTEAD,
        )
