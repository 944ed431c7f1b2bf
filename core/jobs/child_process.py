"""Runs a module on a run's folder as a child of the supervisor, and leaves nothing of it alive."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from core.jobs.deadline import Deadline
from core.jobs.record import RunRecord
from core.machine.child import Child
from core.machine.hardware import out_of_memory_kills
from core.machine.processes import child_of_this, end_descendants, signal_name
from core.machine.scratch import scratch
from core.machine.source_tree import ROOT
from core.machine.standby import Standby
from core.runs.logs import LogWriter

POLL_SECONDS = 0.25
STATUS_SECONDS = 1.0
READ_BYTES = 65536
END_GRACE_SECONDS = 10
# Programs whose libraries the process that stands by has loaded.
WARM = "core.train"


@dataclass(frozen=True)
class Ended:
    """How a child ended. `code` is its exit code, negative for a signal."""

    code: int
    # The kernel has ended a process for lack of memory meanwhile.
    was_out_of_memory: bool
    # It was asked to stop before there was anything new to save.
    was_called_off: bool
    # It was asked to stop, and took no step for too long.
    was_stuck: bool
    # The machine goes down.
    was_told_to_end: bool
    # The end of what it wrote, and none of what an earlier one did.
    log: str

    def __str__(self) -> str:
        if self.code < 0:
            return f"signal {signal_name(-self.code)}"
        return f"exit code {self.code}"


class ChildProcess:
    """Runs one module after another. All that lives below this process is its children's.

    `spared` is the one process below this one that is none of theirs.
    """

    def __init__(self, record: RunRecord, *, secrets: list[str], standby: Standby | None) -> None:
        self._record = record
        self._run = record.run
        self._secrets = secrets
        self._standby = standby
        self.spared: int | None = None
        self.is_told_to_end = False

    def tell_to_end(self) -> None:
        """Have the child that runs now save what it can. The machine is going down."""
        self.is_told_to_end = True
        child = self._record.child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)

    def run(
        self, module: str, *, environment: Mapping[str, str], limit: float | None, is_asked: bool
    ) -> Ended:
        """Run a module to its end, at the latest after `limit` seconds, with its output logged.

        `is_asked` is whether what a person asks of the run ends it.
        """
        kills = out_of_memory_kills()
        log = LogWriter(self._run.paths, secrets=self._secrets)
        deadline = Deadline(self._record, limit=limit, is_asked=is_asked)
        # What libraries write to the disk meanwhile stays behind where they are killed.
        with scratch() as folder:
            variables = {**environment, **child_of_this(), "TMPDIR": str(folder)}
            code = self._run_to_its_end(module, variables, log, deadline)
        return Ended(
            code=code,
            was_out_of_memory=out_of_memory_kills() > kills,
            was_called_off=deadline.is_called_off,
            was_stuck=deadline.is_stuck,
            was_told_to_end=self.is_told_to_end,
            log=log.last_words(),
        )

    def _run_to_its_end(
        self, module: str, environment: Mapping[str, str], log: LogWriter, deadline: Deadline
    ) -> int:
        """Returns the exit code, once nothing is left alive of what it started."""
        child = self._start([module, str(self._run.paths.root)], dict(environment))
        self._record.child = child
        try:
            self._try_to_write_status()
            self._watch(child, log, deadline)
        finally:
            if child.poll() is None:
                child.kill()
            code = child.wait()
            end_descendants(grace=END_GRACE_SECONDS, but=self.spared)
            _close(log)
            self._record.child = None
        return code

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Child:
        """Start it, in the process that stands by where that has its libraries loaded."""
        if self._standby is not None and arguments[0].startswith(WARM):
            standby, self._standby = self._standby, None
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # Else it has ended meanwhile.
                return standby.become(arguments, environment=environment)
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
        )

    def _watch(self, child: Child, log: LogWriter, deadline: Deadline) -> None:
        """Log what it says until it ends."""
        if child.stdout is None:
            raise ValueError("The child's output is not piped.")
        with selectors.DefaultSelector() as selector, child.stdout as pipe:
            selector.register(pipe, selectors.EVENT_READ)
            while child.poll() is None:
                if selector.select(timeout=POLL_SECONDS):
                    data = os.read(pipe.fileno(), READ_BYTES)
                    if not data:
                        break
                    _write_log(log, data)
                if deadline.has_come():
                    child.kill()
                if self._record.status_age > STATUS_SECONDS:
                    self._try_to_write_status()
            _wait_or_kill(child, grace=END_GRACE_SECONDS)
            # What it said last may still be in the pipe; a grandchild may hold it open.
            while selector.select(timeout=0) and (data := os.read(pipe.fileno(), READ_BYTES)):
                _write_log(log, data)

    def _try_to_write_status(self) -> None:
        try:
            self._record.write_status()
        except OSError as error:
            # Tried again in a second.
            _complain(f"The status could not be written: {error}")


def _write_log(log: LogWriter, data: bytes) -> None:
    """A full disk costs lines of the log, not the run."""
    try:
        log.write(data)
    except OSError as error:
        _complain(f"The log could not be written: {error}")


def _close(log: LogWriter) -> None:
    try:
        log.close()
    except OSError as error:
        _complain(f"The log could not be written: {error}")


def _complain(text: str) -> None:
    """Our own log may lie on the disk that is full."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")


def _wait_or_kill(child: Child, *, grace: float) -> None:
    """The output has ended, so the child should: it gets a moment to do it."""
    try:
        child.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
