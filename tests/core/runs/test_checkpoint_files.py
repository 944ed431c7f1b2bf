"""A checkpoint that lost something is told from a whole one, whichever version saved it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.runs.checkpoint_files import MANIFEST, damage, untouched, write_manifest
from tests.saved_checkpoint import save_checkpoint

WEIGHTS, OPTIMIZER = "adapter_model.safetensors", "optimizer.pt"
OF_ANY_VERSION = pytest.mark.parametrize("has_manifest", [True, False], ids=["manifest", "old"])


def cut(name: str) -> Callable[[Path], object]:
    """Leave the first half of a file."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def empty(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"")


def delete(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def lock_away(name: str) -> Callable[[Path], object]:
    """A folder in a file's place can be read by nobody, root among them."""

    def replace(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return replace


@OF_ANY_VERSION
def test_a_whole_one_is_whole(tmp_path: Path, has_manifest: bool) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5, has_manifest=has_manifest)
    assert damage(checkpoint, reads_all=False) == ""
    assert damage(checkpoint, reads_all=True) == ""


@OF_ANY_VERSION
@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (cut(WEIGHTS), WEIGHTS),
        (cut(OPTIMIZER), OPTIMIZER),
        (empty("rng_state.pth"), "rng_state.pth"),
        (empty("trainer_state.json"), "trainer_state.json"),
        (cut("trainer_state.json"), "trainer_state.json"),
        (delete("scheduler.pt"), "scheduler.pt"),
        (delete(OPTIMIZER), OPTIMIZER),
        (delete(WEIGHTS), "weights"),
        (lock_away(OPTIMIZER), OPTIMIZER),
    ],
)  # fmt: skip
def test_what_is_lost_is_named_at_every_look(
    tmp_path: Path, has_manifest: bool, harm: Callable[[Path], object], named: str
) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5, has_manifest=has_manifest)
    harm(checkpoint)
    if named == "weights" and has_manifest:
        named = WEIGHTS
    assert named in damage(checkpoint, reads_all=False)


def test_a_changed_byte_is_found_where_all_is_read(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5)
    data = bytearray((checkpoint / OPTIMIZER).read_bytes())
    data[50] ^= 1
    (checkpoint / OPTIMIZER).write_bytes(data)
    assert damage(checkpoint, reads_all=False) == ""
    assert damage(checkpoint, reads_all=True) == f"{OPTIMIZER} is not as it was saved"


@pytest.mark.parametrize("text", ["", "{", '{"files": 3}', '{"files": {"a": {"size": "x"}}}'])
def test_a_manifest_that_is_torn_vouches_for_nothing(tmp_path: Path, text: str) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5)
    (checkpoint / MANIFEST).write_text(text, encoding="utf-8")
    assert MANIFEST in damage(checkpoint, reads_all=False)


def test_a_manifest_of_a_newer_version_is_read(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5)
    newer = json.loads((checkpoint / MANIFEST).read_text()) | {"galaxy": "far away"}
    (checkpoint / MANIFEST).write_text(json.dumps(newer), encoding="utf-8")
    assert damage(checkpoint, reads_all=True) == ""


def test_the_state_of_another_step_is_not_this_ones(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5, has_manifest=False)
    moved = checkpoint.rename(checkpoint.with_name("checkpoint-15"))
    assert "trainer_state.json" in damage(moved, reads_all=False)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5, has_manifest=False)
    index = checkpoint / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": WEIGHTS}}), encoding="utf-8")
    assert damage(checkpoint, reads_all=True) == ""
    shard = "model-00002-of-00002.safetensors"
    index.write_text(json.dumps({"weight_map": {"a": WEIGHTS, "b": shard}}), encoding="utf-8")
    assert shard in damage(checkpoint, reads_all=True)
    index.write_text("{", encoding="utf-8")
    assert index.name in damage(checkpoint, reads_all=True)


def test_files_in_folders_are_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "first").write_bytes(b"1")
    write_manifest(tmp_path)
    (tmp_path / "shards" / "first").write_bytes(b"12")
    assert damage(tmp_path, reads_all=False) == "shards/first has 2 bytes instead of 1"


def test_who_was_written_to_since_it_was_saved_is_known(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path, step=5)
    saved = untouched(checkpoint)
    assert {WEIGHTS, OPTIMIZER, "trainer_state.json"} <= saved.keys()
    (checkpoint / WEIGHTS).write_bytes(b"short")
    later = (checkpoint / MANIFEST).stat().st_mtime_ns + 1
    os.utime(checkpoint / OPTIMIZER, ns=(later, later))
    assert untouched(checkpoint).keys() == saved.keys() - {WEIGHTS, OPTIMIZER}
    assert untouched(save_checkpoint(tmp_path, step=6, has_manifest=False)) == {}
