"""Checkpoints: the newest whole one is gone on from, and what is wrong with a newer one is said."""

import errno
from pathlib import Path

import pytest

from core.runs.checkpoints import (
    UNFINISHED,
    mark_damaged,
    newest_checkpoint,
    remove_torn_checkpoints,
    resume_point,
    set_aside,
)
from tests.saved_checkpoint import save_checkpoint


def test_the_newest_is_the_highest_step(tmp_path: Path) -> None:
    for step in (5, 100, 20):
        save_checkpoint(tmp_path, step=step)
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert (newest.step, newest.path) == (100, tmp_path / "checkpoint-100")
    assert resume_point(tmp_path).checkpoint == newest


def test_what_is_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "missing") is None
    for name in ("checkpoint-", "checkpoint-x", "checkpoint-5.part", "my-checkpoint-5"):
        (tmp_path / name).mkdir()
    save_checkpoint(tmp_path / UNFINISHED, step=9)
    assert newest_checkpoint(tmp_path) is None
    assert resume_point(tmp_path).explanations() == []


def test_a_damaged_one_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    for step in (5, 10, 20):
        save_checkpoint(tmp_path, step=step)
    (tmp_path / "checkpoint-20" / "optimizer.pt").unlink()
    state = tmp_path / "checkpoint-10" / "trainer_state.json"
    state.write_bytes(state.read_bytes().replace(b"10", b"11"))
    # Only a look at all of it finds what is wrong with that one.
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert newest.step == 10
    found = resume_point(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.step == 5
    assert found.explanations() == [
        "The checkpoint of step 20 is damaged: optimizer.pt is missing. "
        "Training goes on from step 5 instead.",
        "The checkpoint of step 10 is damaged: trainer_state.json is not as it was saved. "
        "Training goes on from step 5 instead.",
    ]


def test_what_can_not_be_read_for_now_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (5, 10):
        save_checkpoint(tmp_path, step=step)

    def away(*_: object) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("hashlib.file_digest", away)
    with pytest.raises(OSError, match="Input/output"):
        resume_point(tmp_path)


def test_a_damaged_one_stays_under_another_name(tmp_path: Path) -> None:
    for step in (5, 10):
        save_checkpoint(tmp_path, step=step)
    mark_damaged(tmp_path / "checkpoint-10")
    remove_torn_checkpoints(tmp_path)
    assert (tmp_path / "damaged-checkpoint-10" / "optimizer.pt").exists()
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert newest.step == 5


def test_where_none_is_whole_it_is_said_that_training_starts_again(tmp_path: Path) -> None:
    (save_checkpoint(tmp_path, step=5) / "optimizer.pt").unlink()
    found = resume_point(tmp_path)
    assert found.checkpoint is None
    (text,) = found.explanations()
    assert text.endswith("There is no whole one, so training starts again.")


def test_torn_ones_and_those_set_aside_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, step=5)
    set_aside(save_checkpoint(tmp_path, step=7))
    save_checkpoint(tmp_path / UNFINISHED, step=9)
    assert newest_checkpoint(tmp_path) is not None
    remove_torn_checkpoints(tmp_path)
    remove_torn_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]
