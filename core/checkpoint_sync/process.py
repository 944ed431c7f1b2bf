"""The uploader of a run's checkpoints as the supervisor's child."""

import subprocess
import sys

from pydantic import SecretStr

from core.checkpoint_sync.status import sync_status
from core.checkpoint_sync.uploader import ONCE
from core.machine.environment import allowed_environment
from core.machine.processes import child_of_this
from core.machine.source_tree import ROOT
from core.runs.events import EventWriter, Warned
from core.runs.store import Run

# For the last checkpoint of a run that has ended.
LIMIT_SECONDS = 60 * 60


class UploaderProcess:
    """Starts the uploader beside the training, and sees that it tells the Hub how the run ended."""

    def __init__(self, run: Run, *, token: SecretStr | None) -> None:
        self._run = run
        self._token = token
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> int:
        """Have checkpoints synced to the Hub meanwhile. Returns the uploader's pid."""
        self._process = subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-m",
                "core.checkpoint_sync.uploader",
                str(self._run.paths.root),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env=allowed_environment(token=self._token) | child_of_this(),
        )
        return self._process.pid

    def finish(self) -> None:
        """Let it copy what is newest and how the run ended.

        Where it was not started, it looks once at a run that has been synced before.
        """
        if self._process is None:
            if sync_status(self._run) is not None:
                self.report_the_end()
            return
        has_ended = self._process.poll() is not None
        self._process.terminate()
        if self._wait(self._process) != 0 or has_ended:
            # It had hardly begun, or gave up, and has not told how the run ended.
            self.report_the_end()

    def report_the_end(self) -> None:
        """Have it look once at what came of the run."""
        self.start(ONCE)
        if self._process is not None and self._wait(self._process) != 0:
            text = "The last checkpoint may not be on the Hub: uploading it ended early."
            EventWriter(self._run.paths.events).write(Warned(text=text))

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
