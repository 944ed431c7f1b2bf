"""What tests share: a home with a tiny model in it, and the command line on it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from core.machine.processes import end_family
from core.machine.source_tree import ROOT
from tests.browser.chromium import ARGUMENTS, chromium
from tests.hub import HubDouble
from tests.tiny_model import make_tiny_model

WAIT_SECONDS = 120
DISPATCHER = "core.jobs.dispatcher"
# The tests share two cores.
expect.set_options(timeout=15_000)


def wait_until(condition: Callable[[], Any], *, seconds: float = WAIT_SECONDS) -> Any:
    """What the condition returns once it is true; fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"This did not come true within {seconds} s.")


class CommandLine:
    """The real command line, in processes of its own, on one home."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment

    def __call__(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "core", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, yaml: str, *, name: str = "run.yaml") -> str:
        """Start a run and return its id."""
        file = self.home / name
        file.write_text(yaml, encoding="utf-8")
        done = self("train", str(file), "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return str(json.loads(done.stdout)["id"])

    def status(self, run_id: str) -> dict[str, Any]:
        done = self("runs", "show", run_id, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def wait(self, run_id: str) -> dict[str, Any]:
        """The status of a run once it has ended."""
        self("runs", "show", run_id, "--follow", "--json")
        return self.status(run_id)

    def events(self, run_id: str) -> list[dict[str, Any]]:
        path = self.home / "runs" / run_id / "events.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wait_for_step(self, run_id: str, step: int) -> None:
        def reached() -> bool:
            state = self.events(run_id)[-1].get("state")
            assert state not in ("failed", "interrupted"), self.log(run_id)
            return any(e["kind"] == "metric" and e["step"] >= step for e in self.events(run_id))

        wait_until(reached)

    def losses(self, run_id: str) -> dict[int, float]:
        """The newest loss at each step."""
        metrics = [event for event in self.events(run_id) if event["kind"] == "metric"]
        return {event["step"]: event["values"]["loss"] for event in metrics}

    def log(self, run_id: str) -> str:
        return (self.home / "runs" / run_id / "train.log").read_text(errors="replace")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a few thousand weights and a chat template."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Path:
    """A home where the built-in model is the tiny one."""
    home = tmp_path / "home"
    shutil.copytree(tiny_model, home / "models" / "SmolLM2-135M-Instruct")
    return home


def environment_of(home: Path) -> dict[str, str]:
    """A person's environment with this home, no token, and no Hub in reach."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "SMOLFACTORY_HOME": str(home),
        "HF_HOME": str(home / "hf"),
        # Nobody listens there: the Hub is out of reach at once.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        # Tiny models gain nothing from a second thread, which would wait for the first by spinning.
        "OMP_NUM_THREADS": "1",
    }


def processes_of(home: Path) -> list[psutil.Process]:
    """The dispatcher of this home, and the supervisors, trainers and pushes of its runs."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        is_dispatcher = DISPATCHER in words and str(home) in words
        is_of_a_run = str(home / "runs") in " ".join(words)
        if process.info["status"] != psutil.STATUS_ZOMBIE and (is_dispatcher or is_of_a_run):
            found.append(process)
    return found


def end_processes_of(home: Path, *, grace: float = 2) -> None:
    """End all that is at work for this home, and what it starts meanwhile."""
    while found := processes_of(home):
        # First who starts others.
        found.sort(key=lambda process: DISPATCHER not in _words(process))
        end_family(found[0], grace=grace)


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def command_line(home: Path) -> Iterator[CommandLine]:
    yield CommandLine(home, environment_of(home))
    end_processes_of(home)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def _context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1400, "height": 900})
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def context(_context: BrowserContext) -> Iterator[BrowserContext]:
    """One browser for all tests, so that it loads the page's scripts once; its tabs are closed."""
    yield _context
    for page in _context.pages:
        page.close()


@pytest.fixture(params=[False, True], ids=["lfs", "xet"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDouble]:
    """A double of the Hub, once with each of its ways to take large files."""
    with HubDouble(root=tmp_path / "hub", xet=request.param) as double:
        yield double
