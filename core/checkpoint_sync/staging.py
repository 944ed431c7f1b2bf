"""The files of a checkpoint laid out as they are uploaded."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_sync.manifest import CHECKPOINT, step_folder
from core.runs.paths import RunPaths

# Pickled settings of the trainer, which nothing needs again.
LEFT_OUT = "training_args.bin"


@dataclass(frozen=True)
class Staged:
    """Two folders with paths as in the repository.

    `closed` has what nothing writes to any more, `written` copies of what still grows.
    """

    closed: Path
    written: Path


def stage(checkpoint: Path, *, paths: RunPaths, step: int, here: str) -> Staged:
    """Lay out what resuming needs. Large files are hard links: they take no space."""
    folder = paths.sync_staging
    shutil.rmtree(folder, ignore_errors=True)
    staged = Staged(closed=folder / "closed", written=folder / "written")
    target = step_folder(step, holder=here)
    shutil.copytree(
        checkpoint, staged.closed / target / CHECKPOINT, copy_function=os.link,
        ignore=shutil.ignore_patterns(LEFT_OUT),
    )  # fmt: skip
    if paths.data.is_dir():
        shutil.copytree(paths.data, staged.closed / paths.data.name, copy_function=os.link)
    (staged.written / target).mkdir(parents=True)
    shutil.copyfile(paths.config, staged.written / paths.config.name)
    for path in (paths.resolved, paths.events):
        shutil.copyfile(path, staged.written / target / path.name)
    return staged


def clear_staging(paths: RunPaths) -> None:
    shutil.rmtree(paths.sync_staging)
