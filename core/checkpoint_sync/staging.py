"""The files of a checkpoint laid out as they are uploaded."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_sync.manifest import CHECKPOINT, step_folder
from core.hub.upload import Print, fingerprints
from core.runs.checkpoint_files import not_as_saved, saved_files, untouched
from core.runs.checkpoints import SavedCheckpoint
from core.runs.paths import RunPaths


class Damaged(Exception):
    """A checkpoint is not as it was saved."""

    def __init__(self, checkpoint: SavedCheckpoint, what: str) -> None:
        super().__init__(what)
        self.checkpoint = checkpoint


@dataclass(frozen=True)
class Staged:
    """Two folders with paths as in the repository.

    `closed` has what nothing writes to any more, the checkpoint `under` a folder of its own, and
    `written` copies of what still grows.
    """

    checkpoint: SavedCheckpoint
    closed: Path
    written: Path
    under: str

    def closed_files(self) -> dict[str, Print]:
        """The closed files by path. Raises Damaged when one is not as it was saved.

        A large file that nobody has written to since is not read again: the trainer hashed it.
        """
        folder = self.closed / self.under
        known = {f"{self.under}/{name}": f.sha256 for name, f in untouched(folder).items()}
        files = fingerprints(self.closed, known=known)
        for name, saved in saved_files(folder).items():
            if files[f"{self.under}/{name}"].sha256 != saved.sha256:
                raise Damaged(self.checkpoint, not_as_saved(name))
        return files


def stage(checkpoint: SavedCheckpoint, *, paths: RunPaths, here: str) -> Staged:
    """Lay out what resuming needs. Large files are hard links: they take no space."""
    clear_staging(paths)
    folder = paths.sync_staging
    target = step_folder(checkpoint.step, holder=here)
    staged = Staged(
        checkpoint=checkpoint, closed=folder / "closed", written=folder / "written",
        under=f"{target}/{CHECKPOINT}",
    )  # fmt: skip
    shutil.copytree(checkpoint.path, staged.closed / staged.under, copy_function=os.link)
    if paths.data.is_dir():
        shutil.copytree(paths.data, staged.closed / paths.data.name, copy_function=os.link)
    (staged.written / target).mkdir(parents=True)
    shutil.copyfile(paths.config, staged.written / paths.config.name)
    for path in (paths.resolved, paths.events):
        shutil.copyfile(path, staged.written / target / path.name)
    return staged


def clear_staging(paths: RunPaths) -> None:
    """Its links keep what the trainer deletes, so they stay no longer than they are needed."""
    shutil.rmtree(paths.sync_staging, ignore_errors=True)
