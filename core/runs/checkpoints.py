"""A run's checkpoints: which there are, which of them are whole, and which to go on from."""

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from core.runs.checkpoint_files import damage

_NAME = re.compile(r"^checkpoint-(\d+)$")
UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class SavedCheckpoint:
    step: int
    path: Path

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.path.rglob("*"))


@dataclass(frozen=True)
class ResumePoint:
    """The newest whole checkpoint, if there is one, and the newer ones with what is wrong there."""

    checkpoint: SavedCheckpoint | None
    damaged: list[tuple[SavedCheckpoint, str]]

    def explanations(self) -> list[str]:
        """Why training does not go on from the newest, for a person."""
        instead = (
            f"Training goes on from step {self.checkpoint.step} instead."
            if self.checkpoint is not None
            else "There is no whole one, so training starts again."
        )
        return [
            f"The checkpoint of step {each.step} is damaged: {what}. {instead}"
            for each, what in self.damaged
        ]


def checkpoint_folder(folder: Path, *, step: int) -> Path:
    return folder / f"checkpoint-{step}"


def saved_checkpoints(folder: Path) -> list[SavedCheckpoint]:
    """What has the name of a checkpoint, the newest first."""
    if not folder.is_dir():
        return []
    found = [
        SavedCheckpoint(step=int(match[1]), path=path)
        for path in folder.iterdir()
        if (match := _NAME.match(path.name))
    ]
    return sorted(found, key=lambda checkpoint: checkpoint.step, reverse=True)


def newest_checkpoint(
    folder: Path, *, damaged: Collection[SavedCheckpoint] = ()
) -> SavedCheckpoint | None:
    """The newest whose files have the sizes with which they were saved.

    `damaged` are those that are known to be damaged all the same.
    """
    saved = [each for each in saved_checkpoints(folder) if each not in damaged]
    return next((each for each in saved if not damage(each.path, reads_all=False)), None)


def resume_point(folder: Path) -> ResumePoint:
    """Where training goes on. Reads the newest checkpoint, and older ones until one is whole."""
    damaged: list[tuple[SavedCheckpoint, str]] = []
    for each in saved_checkpoints(folder):
        what = damage(each.path, reads_all=True)
        if not what:
            return ResumePoint(checkpoint=each, damaged=damaged)
        damaged.append((each, what))
    return ResumePoint(checkpoint=None, damaged=damaged)


def mark_damaged(checkpoint: Path) -> None:
    """Take a damaged checkpoint's name, and leave it to whoever may want to repair it."""
    aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
    shutil.rmtree(aside, ignore_errors=True)
    checkpoint.rename(aside)


def set_aside(checkpoint: Path) -> None:
    """Take the name from a checkpoint, in one step. The next save deletes it."""
    aside = checkpoint.parent / UNFINISHED
    aside.mkdir(exist_ok=True)
    checkpoint.rename(aside / checkpoint.name)


def remove_torn_checkpoints(folder: Path) -> None:
    """Delete what a killed trainer was still writing, or still deleting."""
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
