"""Files that are there whole or not at all, and locks that die with their holder."""

import os
from pathlib import Path

import pytest

from core.machine.atomic import lock_file, publish_folder, write_atomically


def test_a_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for text in ("first", "Größe ✓\n"):
        write_atomically(path, text)
    assert path.read_text(encoding="utf-8") == "Größe ✓\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half a character \ud83d")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    aside = tmp_path / ".aside"
    (aside / "deep").mkdir(parents=True)
    (aside / "deep" / "file").write_text("x", encoding="utf-8")
    publish_folder(aside, tmp_path / "final")
    assert not aside.exists()
    assert (tmp_path / "final" / "deep" / "file").read_text(encoding="utf-8") == "x"


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    held = lock_file(tmp_path / "lock")
    assert held is not None
    assert lock_file(tmp_path / "lock") is None
    os.close(held)
    again = lock_file(tmp_path / "lock")
    assert again is not None
    os.close(again)
