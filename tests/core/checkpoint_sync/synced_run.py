"""A run whose checkpoints are synced: its settings, its copy, and the end of its machine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, end_processes_of
from tests.core.conftest import FORTY_STEPS
from tests.hub import HubDouble
from tests.interface.harness import SPACE

# A Space is the same after its home was wiped.
ON_SPACE = {"SPACE_ID": SPACE["SPACE_ID"]}

SYNCED_RUN = FORTY_STEPS + "output: {name: bot, sync_checkpoints: true}\n"

# Long enough to be broken at any moment.
LONG = SYNCED_RUN.replace("max_steps: 40", "max_steps: 100000")


def synced(command_line: CommandLine, run: str) -> dict[str, Any]:
    """What the run's own folder says of its sync."""
    path = command_line.home / "runs" / run / "checkpoint_sync.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"step": 0, "problem": ""}


def newest_checkpoint_of(command_line: CommandLine, run: str) -> int:
    return max(int(e["step"]) for e in command_line.events(run) if e["kind"] == "checkpoint")


def repo_of(run: str) -> str:
    return f"ada/smolfactory-run-{run}"


def on_hub(hub: HubDouble, run: str) -> dict[str, Any]:
    return dict(json.loads(hub.files(repo_id=repo_of(run))["manifest.json"]))


def sync_stopped(command_line: CommandLine, run: str) -> None:
    """Have a stopped run be one whose checkpoints are synced, and sync its last, as at its end."""
    folder = command_line.home / "runs" / run
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    assert "sync_checkpoints: false" in text
    text = text.replace("sync_checkpoints: false", "sync_checkpoints: true")
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "core.checkpoint_sync.uploader", str(folder), "once"],
        cwd=ROOT, env=command_line.environment, timeout=100, check=True,
    )  # fmt: skip


def lose_the_container(command_line: CommandLine, *, tiny_model: Path) -> None:
    """Nothing of the machine is left but the program."""
    end_processes_of(command_line.home, grace=0)
    shutil.rmtree(command_line.home)
    shutil.copytree(tiny_model, command_line.home / "models" / "SmolLM2-135M-Instruct")
