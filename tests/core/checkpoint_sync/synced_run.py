"""A run whose checkpoints are synced: its settings, its copy, and the end of its machine."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, end_processes_of, processes_of, words_of
from tests.core.conftest import FORTY_STEPS
from tests.hub import HubDouble
from tests.interface.harness import SPACE

# A Space is the same after its home was wiped.
ON_SPACE = {"SPACE_ID": SPACE["SPACE_ID"]}

SYNCED_RUN = FORTY_STEPS + "output: {name: bot, sync_checkpoints: true}\n"

# Long enough to be broken at any moment.
LONG = SYNCED_RUN.replace("max_steps: 40", "max_steps: 100000")

UPLOADER = "core.checkpoint_sync.uploader"


def folder_of(command_line: CommandLine, run: str) -> Path:
    return command_line.home / "runs" / run


def synced(command_line: CommandLine, run: str) -> dict[str, Any]:
    """What the run's own folder says of its sync."""
    path = folder_of(command_line, run) / "checkpoint_sync.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"step": 0, "problem": ""}


def newest_step(command_line: CommandLine, run: str) -> int:
    return max(command_line.losses(run))


def repo_of(run: str) -> str:
    return f"ada/smolfactory-run-{run}"


def on_hub(hub: HubDouble, run: str) -> dict[str, Any]:
    """The manifest on the Hub; nothing where there is none yet."""
    if not hub.has_repo(repo_id=repo_of(run)):
        return {}
    return dict(json.loads(hub.files(repo_id=repo_of(run)).get("manifest.json", b"{}")))


def sync_from_now_on(command_line: CommandLine, run: str, *, auto_resume: bool = False) -> None:
    """Have a run that was not to be synced be one whose checkpoints are."""
    path = folder_of(command_line, run) / "config.yaml"
    text = path.read_text(encoding="utf-8")
    for setting in ("sync_checkpoints", *(["auto_resume"] if auto_resume else [])):
        assert f"{setting}: false" in text
        text = text.replace(f"{setting}: false", f"{setting}: true")
    path.write_text(text, encoding="utf-8")


def sync_once(command_line: CommandLine, run: str) -> None:
    """Sync the last checkpoint of a run that has ended, as at its end."""
    subprocess.run(
        [sys.executable, "-m", UPLOADER, str(folder_of(command_line, run)), "once"],
        cwd=ROOT, env=command_line.environment, timeout=100, check=True,
    )  # fmt: skip


@contextmanager
def trainer_held(command_line: CommandLine) -> Iterator[None]:
    """The trainer stands still: all that its run does meanwhile is the uploader's work."""
    trainer = next(p for p in processes_of(command_line.home) if "core.train" in words_of(p))
    trainer.suspend()
    yield
    trainer.resume()


def lose_the_container(command_line: CommandLine, *, tiny_model: Path) -> None:
    """Nothing of the machine is left but the program."""
    end_processes_of(command_line.home, grace=0)
    shutil.rmtree(command_line.home)
    shutil.copytree(tiny_model, command_line.home / "models" / "SmolLM2-135M-Instruct")
