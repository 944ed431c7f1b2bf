"""Checkpoints that are there whole or not at all."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trl import SFTTrainer

from core.files import publish_folder

_NAME = re.compile(r"^checkpoint-(\d+)$")
_ASIDE = ".unfinished"


@dataclass(frozen=True)
class SavedCheckpoint:
    step: int
    path: Path


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
    shutil.rmtree(folder / _ASIDE, ignore_errors=True)


class WholeCheckpointTrainer(SFTTrainer):
    """Writes each checkpoint aside, has it on the disk, and only then gives it its name."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        final = Path(self.args.output_dir)
        aside = final / _ASIDE
        keep = self.args.save_total_limit
        remove_torn_checkpoints(final)
        self.args.output_dir, self.args.save_total_limit = str(aside), None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir, self.args.save_total_limit = str(final), keep
        name = f"checkpoint-{self.state.global_step}"
        if (final / name).exists():
            # Stopping at a step that was saved a moment ago writes the same once more.
            remove_torn_checkpoints(final)
            return
        publish_folder(aside / name, final / name)
        self._let_go_of_old(final, keep)
        remove_torn_checkpoints(final)

    def _let_go_of_old(self, folder: Path, keep: int | None) -> None:
        """Delete the oldest, renamed first: a kill in the middle must leave no half one behind."""
        names = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        for path in names[: -(keep or len(names))]:
            aside = folder / _ASIDE
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
