"""A little room on the disk that each live run holds, so that a full one can't silence it.

Whoever starts a run holds it. It is let go when a last word finds no room, or when the run ends.
"""

import contextlib
import os
from collections.abc import Callable
from typing import TypeVar

from core.machine.disk import is_for_lack_of_room
from core.runs.paths import RunPaths

# A few events and a status, on a disk with large blocks.
RESERVE_BYTES = 1024**2

T = TypeVar("T")


def hold_reserve(paths: RunPaths) -> None:
    """On a disk without that much room there is none. Where files are packed, zeros take none."""
    with contextlib.suppress(OSError):
        paths.reserve.write_bytes(os.urandom(RESERVE_BYTES))


def let_go_of_reserve(paths: RunPaths) -> None:
    paths.reserve.unlink(missing_ok=True)


def despite_full_disk(paths: RunPaths, write: Callable[[], T]) -> T:
    """What `write` returns; it may use the reserve where the disk has no other room."""
    try:
        return write()
    except OSError as error:
        if not is_for_lack_of_room(error) or not paths.reserve.exists():
            raise
        let_go_of_reserve(paths)
        return write()
