"""Imports run one way, by the contracts in pyproject.toml, and the page's process has no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT

pytestmark = pytest.mark.process

TORCH = {"torch", "transformers", "trl", "peft"}


def test_the_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that are loaded once a statement has run."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_the_pages_process_has_no_torch() -> None:
    loaded = loaded_by("import app, interface.server")
    assert {"gradio", "core"} <= loaded
    assert loaded.isdisjoint({*TORCH, "datasets"})


def test_the_command_line_has_no_torch_and_no_gradio() -> None:
    loaded = loaded_by("import core.__main__")
    assert "core" in loaded
    assert loaded.isdisjoint({*TORCH, "datasets", "gradio", "interface"})
