"""A full disk does not keep a run from saying that it is full."""

import errno
import os
from pathlib import Path

import pytest

from core.runs.paths import RunPaths
from core.runs.reserve import (
    RESERVE_BYTES,
    despite_full_disk,
    hold_reserve,
    let_go_of_reserve,
)


class Disk:
    """Full as long as the reserve is held."""

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.tries = 0

    def write(self, *, error: int = errno.ENOSPC) -> str:
        self.tries += 1
        if self.paths.reserve.exists():
            raise OSError(error, os.strerror(error))
        return "written"


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    hold_reserve(RunPaths(tmp_path))
    return Disk(RunPaths(tmp_path))


def test_it_takes_room(disk: Disk) -> None:
    assert disk.paths.reserve.stat().st_blocks * 512 >= RESERVE_BYTES


def test_a_last_word_is_written_in_its_place(disk: Disk) -> None:
    assert despite_full_disk(disk.paths, disk.write) == "written"
    assert not disk.paths.reserve.exists()
    assert disk.tries == 2


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES])
def test_it_is_kept_where_room_is_not_what_is_missing(disk: Disk, error: int) -> None:
    with pytest.raises(OSError, match=r"\[Errno"):
        despite_full_disk(disk.paths, lambda: disk.write(error=error))
    assert disk.paths.reserve.exists()
    assert disk.tries == 1


def test_it_is_held_and_let_go_of_as_often_as_one_likes(disk: Disk) -> None:
    for _ in range(2):
        let_go_of_reserve(disk.paths)
    for _ in range(2):
        hold_reserve(disk.paths)
    assert disk.paths.reserve.stat().st_size == RESERVE_BYTES
    # Where there is no room, or no folder, there is none.
    hold_reserve(RunPaths(disk.paths.root / "missing"))
