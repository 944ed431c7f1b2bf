"""Checkpoints: whatever has a checkpoint's name is whole, and the highest step is the newest."""

from pathlib import Path

from core.runs.checkpoints import (
    UNFINISHED,
    checkpoint_folder,
    newest_checkpoint,
    remove_torn_checkpoints,
)


def test_the_newest_is_the_highest_step(tmp_path: Path) -> None:
    for step in (5, 100, 20):
        checkpoint_folder(tmp_path, step=step).mkdir()
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert (newest.step, newest.path) == (100, tmp_path / "checkpoint-100")


def test_what_is_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "missing") is None
    for name in ("checkpoint-", "checkpoint-x", "checkpoint-5.part", "my-checkpoint-5"):
        (tmp_path / name).mkdir()
    (tmp_path / UNFINISHED / "checkpoint-9").mkdir(parents=True)
    assert newest_checkpoint(tmp_path) is None


def test_torn_ones_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    checkpoint_folder(tmp_path, step=5).mkdir()
    (tmp_path / UNFINISHED / "checkpoint-9").mkdir(parents=True)
    remove_torn_checkpoints(tmp_path)
    remove_torn_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]
