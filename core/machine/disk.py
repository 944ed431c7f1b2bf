"""Room on the disk, looked at before anything large is written."""

import shutil
from pathlib import Path

from core.errors import UserError

# What a run writes besides weights and tokens: logs, events, prepared data.
SPARE_BYTES = 500 * 1024**2


def require_room(needed: int, *, home: Path, what: str, field: str, hint: str) -> None:
    """Raises UserError at `field` when `needed` bytes, and some to spare, don't fit.

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
