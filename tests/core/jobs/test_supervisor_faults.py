"""What keeps a supervisor or its trainer from their work is told with its reason."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT
from core.runs.history import History
from core.runs.state import RunState
from core.runs.store import RunStore
from tests.command_line import CommandLine, environment_of
from tests.core.conftest import FORTY_STEPS
from tests.interface.harness import make_run

pytestmark = pytest.mark.process

CANCELED_LATE = """
import sys
from core.jobs import stages, supervisor
stages.Train.module = "tests.core.jobs.late_trainer"
sys.exit(supervisor.main())
"""


def test_settings_of_a_newer_version_are_a_failure_with_its_reason(home: Path) -> None:
    """As where an older SmolFactory starts what a newer one has left waiting."""
    run = make_run(RunStore(home), state=RunState.QUEUED)
    text = run.paths.config.read_text(encoding="utf-8")
    run.paths.config.write_text(text.replace("version: 2", "version: 99"), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "core.jobs.supervisor", str(run.paths.root), "train"],
        env=environment_of(home), cwd=ROOT, timeout=60, check=True,
    )  # fmt: skip
    assert run.status().state is RunState.FAILED
    assert "version" in run.status().note
    history = History(path=run.paths.events)
    history.follow()
    assert history.failure is not None
    assert history.failure.cause == "input"


@pytest.mark.parametrize("name", ["bot", "sampling"])
def test_a_cancel_in_the_trainers_last_moment_sends_nothing(home: Path, name: str) -> None:
    """It is too late for the training, and the push is neither begun nor cut off."""
    run = make_run(RunStore(home), state=RunState.QUEUED, push_to_hub=True, name=name)
    subprocess.run(
        [sys.executable, "-c", CANCELED_LATE, str(run.paths.root), "train", "push"],
        env=environment_of(home), cwd=ROOT, timeout=60, check=True,
    )  # fmt: skip
    assert run.status().state is RunState.TRAINED
    assert "canceled" in run.status().note
    history = History(path=run.paths.events)
    history.follow()
    assert history.push_failure is None
    assert "pushing" not in run.paths.events.read_text(encoding="utf-8")


def test_a_write_that_fails_ends_in_a_failure_with_its_reason(command_line: CommandLine) -> None:
    """A limit on the size of a file stands in for a full disk: weights don't fit, events do."""
    file = command_line.home / "run.yaml"
    file.write_text(FORTY_STEPS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "core", "train", str(file), "--follow", "--json"],
        # What is forked from a warm process has that one's limits.
        env=command_line.environment | {"SMOLFACTORY_WARM": "off"},
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["state"] == "failed"
    assert "File too large" in answer["note"]
