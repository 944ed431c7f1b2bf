"""Checkpoints that are there whole or not at all."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"^checkpoint-(\d+)$")
UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class SavedCheckpoint:
    step: int
    path: Path


def checkpoint_folder(folder: Path, *, step: int) -> Path:
    return folder / f"checkpoint-{step}"


def newest_checkpoint(folder: Path) -> SavedCheckpoint | None:
    """The checkpoint to go on from. Whatever has a checkpoint's name is whole."""
    if not folder.is_dir():
        return None
    found = [
        SavedCheckpoint(step=int(match[1]), path=path)
        for path in folder.iterdir()
        if (match := _NAME.match(path.name))
    ]
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def remove_torn_checkpoints(folder: Path) -> None:
    """Delete what a killed trainer was still writing, or still deleting."""
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
