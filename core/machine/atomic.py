"""Files that are there whole or not at all, even when the power goes."""

import fcntl
import os
import secrets
from pathlib import Path


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it: a disk that is nearly full takes a part at first, and then says why."""
    while data:
        data = data[os.write(descriptor, data) :]


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step. Readers see the old text or the new, never a mixture."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def publish_folder(aside: Path, final: Path) -> None:
    """Give a finished folder its final name, with its bytes on the disk first."""
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            _sync(path)
    for path in [*(p for p in aside.rglob("*") if p.is_dir()), aside]:
        _sync(path)
    aside.rename(final)
    _sync(final.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path) -> int | None:
    """Lock a file for as long as the returned descriptor, or a child's copy of it, is open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
