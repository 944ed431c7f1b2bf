"""Room on the disk, looked at before anything large is written."""

import errno
import shutil
from pathlib import Path

from core.errors import UserError

# What a run writes besides weights and tokens: logs, events, prepared data.
SPARE_BYTES = 500 * 1024**2
# A write that does not fit leaves less than this of it free.
FULL_BYTES = 16 * 1024**2


def is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < FULL_BYTES


def is_for_lack_of_room(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def require_room(needed: int, *, home: Path, what: str, field: str | None, hint: str) -> None:
    """Raises UserError, at `field` if given, when `needed` bytes and some to spare don't fit.

    `what` needs them on the disk of the home.
    """
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < needed + SPARE_BYTES:
        raise UserError(
            f"{what} needs about {(needed + SPARE_BYTES) / 1024**3:.1f} GB of disk space, and only "
            f"{free / 1024**3:.1f} GB are free.",
            hint=hint,
            field=field,
        )
