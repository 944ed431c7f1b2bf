"""Folders for what libraries write to the disk meanwhile. Those of killed owners are swept."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.machine.atomic import lock_file

PREFIX = "smolfactory-"
# Locked by whoever uses the folder: the kernel lets go when they die.
OWNER = ".owner"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of one's own, gone at the end; those that others could not remove go first."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    # Locked before it has its name, so that nobody finds it unlocked.
    lock = lock_file(folder / "new")
    (folder / "new").rename(folder / OWNER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep(parent: Path) -> None:
    """Delete our folders whose owners are dead. Where that can't be told they stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            is_ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
            lock = lock_file(folder / OWNER) if is_ours and (folder / OWNER).is_file() else None
        except OSError:
            # Somebody else sweeps too.
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
