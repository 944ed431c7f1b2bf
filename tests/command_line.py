"""The real command line in processes of its own, and what is at work for a home."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from core.config.parse import load_config
from core.jobs import launcher
from core.jobs.liveness import current_status
from core.machine.atomic import lock_file
from core.machine.processes import end_family
from core.machine.source_tree import ROOT
from core.runs.store import Run, RunStore
from core.settings import token_of_this_process
from tests import warm
from tests.waiting import wait_until

DISPATCHER = "core.jobs.dispatcher"

# What all tests and their processes have in the environment, so that two cores are enough.
FRUGAL = {
    # A second thread would spend most of its time waiting for the first, by spinning.
    "OMP_NUM_THREADS": "1",
    # One list of this machine's fonts for all tests, and not one for each home.
    "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "smolfactory-tests-matplotlib"),
}

# The command line's own entry, asked to train by one file after another.
REFUSALS = """
import sys
from core.__main__ import main
sys.exit(any(main(["train", file, "--json"]) != 2 for file in sys.argv[1:]))
"""


class CommandLine:
    """The real command line, in processes of its own, on one home."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = warm.warmed(environment)

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

    def refusals(self, *texts: str) -> list[dict[str, str]]:
        """What is told by field of each of these settings, of which no run may be made.

        One process is asked about all of them: it takes longer to start than to answer.
        """
        files = []
        for number, text in enumerate(texts):
            files.append(self.home / f"refused-{number}.yaml")
            files[-1].write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", REFUSALS, *map(str, files)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        assert not (self.home / "runs").exists()
        answers = [json.loads(line)["fields"] for line in done.stdout.splitlines()]
        assert len(answers) == len(texts), done.stderr
        return answers

    @contextmanager
    def _here(self) -> Iterator[None]:
        """Around what starts processes from the test's own: they see this environment."""
        with patch.dict(os.environ, self.environment, clear=True):
            yield

    def begin(self, yaml: str, *, file: Path | None = None) -> str:
        """Start a run of these settings and perhaps a file, unchecked, and return its id."""
        store, files = RunStore(self.home), {file.name: file} if file else {}
        with self._here():
            run = launcher.start(
                store, store.named(load_config(yaml)), files=files,
                submission=secrets.token_hex(16), token=token_of_this_process(),
            )  # fmt: skip
        return run.id

    def resume(self, run_id: str) -> None:
        with self._here():
            launcher.resume(self.run(run_id), token=token_of_this_process())

    def stop(self, run_id: str) -> None:
        """Returns once it has ended."""
        with self._here():
            launcher.stop(self.run(run_id))
        self.wait(run_id)

    def cancel(self, run_id: str) -> None:
        """Returns once it has ended."""
        with self._here():
            launcher.cancel(self.run(run_id))
        self.wait(run_id)

    def status(self, run_id: str) -> dict[str, Any]:
        with self._here():
            return current_status(self.run(run_id)).model_dump(mode="json")

    def run(self, run_id: str) -> Run:
        return RunStore(self.home).open(run_id)

    def wait(self, run_id: str) -> dict[str, Any]:
        """The status of a run once its supervisor has written that it ended."""
        run = self.run(run_id)
        wait_until(lambda: not run.status().state.live, seconds=300)
        return run.status().model_dump(mode="json")

    def events(self, run_id: str) -> list[dict[str, Any]]:
        path = self.home / "runs" / run_id / "events.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wait_for_step(self, run_id: str, step: int) -> None:
        def reached() -> bool:
            state = self.events(run_id)[-1].get("state")
            assert state not in ("failed", "interrupted"), self.log(run_id)
            return any(e["kind"] == "metric" and e["step"] >= step for e in self.events(run_id))

        wait_until(reached)

    def losses(self, run_id: str, *, of: str = "loss") -> dict[int, float]:
        """The newest loss, or another metric, at each step."""
        metrics = [event for event in self.events(run_id) if event["kind"] == "metric"]
        return {event["step"]: event["values"][of] for event in metrics}

    def log(self, run_id: str) -> str:
        return (self.home / "runs" / run_id / "train.log").read_text(errors="replace")


@contextmanager
def taken_device(home: Path) -> Iterator[None]:
    """Another holds the device of this home, so that a run waits and no trainer is started."""
    slot = lock_file(RunStore(home).slot)
    assert slot is not None
    try:
        yield
    finally:
        os.close(slot)


def environment_of(home: Path) -> dict[str, str]:
    """A person's environment with this home, no token, and no Hub in reach."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    own = {"HOME": str(warm.FOLDER), "SMOLFACTORY_HOME": str(home)}
    return inherited | own | warm.NOWHERE | FRUGAL


def processes_of(home: Path) -> list[psutil.Process]:
    """The dispatcher of this home, and the supervisors, trainers and pushes of its runs."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = _words(process.info["cmdline"] or [])
        is_dispatcher = DISPATCHER in words and str(home) in words
        is_of_a_run = str(home / "runs") in " ".join(words)
        if process.info["status"] != psutil.STATUS_ZOMBIE and (is_dispatcher or is_of_a_run):
            found.append(process)
    return found


def end_processes_of(home: Path, *, grace: float = 2) -> None:
    """End all that is at work for this home, and what it starts meanwhile."""
    while found := processes_of(home):
        # First who starts others.
        found.sort(key=lambda process: DISPATCHER not in words_of(process))
        end_family(found[0], grace=grace)


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; empty when it has ended meanwhile."""
    try:
        return _words(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def _words(command: list[str]) -> list[str]:
    """One that was forked from the warm process has its command line in one piece."""
    return [word for piece in command for word in piece.split()]
