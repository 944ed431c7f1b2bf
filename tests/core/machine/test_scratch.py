"""Folders that killed processes left behind are swept, and nobody else's."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.machine.scratch import OWNER, PREFIX, scratch, sweep
from core.machine.source_tree import ROOT


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_at_the_end_and_stays_until_then(parent: Path) -> None:
    with scratch() as folder:
        (folder / "part").write_bytes(b"1")
        sweep(parent)
        assert (folder / "part").exists()
        with scratch() as other:
            assert other != folder
        assert list(parent.iterdir()) == [folder]
    assert not list(parent.iterdir())


@pytest.mark.process
def test_that_of_a_killed_owner_goes_with_the_next(parent: Path) -> None:
    dies = (
        "import os; from core.machine.scratch import scratch; "
        "held = scratch(); held.__enter__(); os._exit(9)"
    )
    environment = os.environ | {"TMPDIR": str(parent)}
    subprocess.run([sys.executable, "-c", dies], cwd=ROOT, env=environment, check=False)
    (left,) = parent.iterdir()
    with scratch() as folder:
        assert not left.exists()
        assert list(parent.iterdir()) == [folder]


def test_what_is_not_known_to_be_ours_stays(parent: Path) -> None:
    elsewhere = parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER).touch()
    (parent / f"{PREFIX}link").symlink_to(elsewhere)
    # Of a version that did not say who is its owner.
    (parent / f"{PREFIX}old").mkdir()
    (parent / f"{PREFIX}file").touch()
    before = set(parent.iterdir())
    sweep(parent)
    assert set(parent.iterdir()) == before
    assert (elsewhere / OWNER).exists()
