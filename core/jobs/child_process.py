"""Runs a module on a run's folder as a child of the supervisor, and leaves nothing of it alive."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from core.jobs.record import RunRecord
from core.machine.hardware import out_of_memory_kills
from core.machine.processes import end_descendants, signal_name
from core.machine.source_tree import ROOT
from core.runs.checkpoints import newest_checkpoint
from core.runs.logs import LogWriter
from core.runs.state import RunState, Wish

POLL_SECONDS = 0.25
STATUS_SECONDS = 1.0
READ_BYTES = 65536
# A step may be long, and a large model takes a while to write; after that we insist.
STOP_GRACE_SECONDS = 30 * 60
END_GRACE_SECONDS = 10


@dataclass(frozen=True)
class Ended:
    """How a child ended. `code` is its exit code, negative for a signal."""

    code: int
    # The kernel has ended a process for lack of memory meanwhile.
    was_out_of_memory: bool
    # It was asked to stop before there was anything to save.
    was_called_off: bool
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

    def __init__(self, record: RunRecord, *, secrets: list[str]) -> None:
        self._record = record
        self._run = record.run
        self._secrets = secrets
        self.spared: int | None = None
        self.is_told_to_end = False

    def tell_to_end(self) -> None:
        """Have the child that runs now save what it can. The machine is going down."""
        self.is_told_to_end = True
        child = self._record.child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)

    def run(self, module: str, *, environment: Mapping[str, str], limit: float | None) -> Ended:
        """Run a module to its end, at the latest after `limit` seconds, with its output logged."""
        kills = out_of_memory_kills()
        log = LogWriter(self._run.paths, secrets=self._secrets)
        # What libraries write to the disk meanwhile stays behind where they are killed.
        scratch = tempfile.TemporaryDirectory(prefix="smolfactory-", ignore_cleanup_errors=True)
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", module, str(self._run.paths.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**environment, "TMPDIR": scratch.name},
        )
        self._record.child = child
        was_called_off = False
        try:
            self._try_to_write_status()
            was_called_off = self._watch(child, log, limit=limit)
        finally:
            if child.poll() is None:
                child.kill()
            code = child.wait()
            end_descendants(grace=END_GRACE_SECONDS, but=self.spared)
            _close(log)
            self._record.child = None
            scratch.cleanup()
        return Ended(
            code=code,
            was_out_of_memory=out_of_memory_kills() > kills,
            was_called_off=was_called_off,
            was_told_to_end=self.is_told_to_end,
            log=log.last_words(),
        )

    def _watch(
        self, child: subprocess.Popen[bytes], log: LogWriter, *, limit: float | None
    ) -> bool:
        """Log what it says until it ends. Returns whether it was called off."""
        if child.stdout is None:
            raise ValueError("The child's output is not piped.")
        deadline = _Deadline(self._record, limit=limit)
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
            _wait_or_kill(child, grace=deadline.seconds_left(END_GRACE_SECONDS))
            # What it said last may still be in the pipe; a grandchild may hold it open.
            while selector.select(timeout=0) and (data := os.read(pipe.fileno(), READ_BYTES)):
                _write_log(log, data)
        return deadline.is_called_off

    def _try_to_write_status(self) -> None:
        try:
            self._record.write_status()
        except OSError as error:
            # Tried again in a second.
            _complain(f"The status could not be written: {error}")


class _Deadline:
    """When a child has to end: at its own limit, or as what a person asks of its run says."""

    def __init__(self, record: RunRecord, *, limit: float | None) -> None:
        self._record = record
        self._end = time.monotonic() + limit if limit else None
        self.is_called_off = False

    def has_come(self) -> bool:
        wish = self._record.run.wish()
        if wish is Wish.STOP and self._end is None:
            self._end = time.monotonic() + STOP_GRACE_SECONDS
        self.is_called_off = self.is_called_off or (
            wish is Wish.STOP and self._is_nothing_to_save()
        )
        # What is canceled keeps nothing, so there is nothing to wait for.
        is_late = self._end is not None and time.monotonic() > self._end
        return wish is Wish.CANCEL or self.is_called_off or is_late

    def seconds_left(self, default: float) -> float:
        return default if self._end is None else max(0.0, self._end - time.monotonic())

    def _is_nothing_to_save(self) -> bool:
        """Whether the trainer still loads, or makes tokens, and no checkpoint is there either."""
        history = self._record.history
        history.follow()
        # The folder is there before the first of them.
        is_saved = newest_checkpoint(self._record.run.paths.checkpoints) is not None
        return history.state is RunState.PREPARING and not is_saved


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


def _wait_or_kill(child: subprocess.Popen[bytes], *, grace: float) -> None:
    """The output has ended, so the child should: it gets a moment to do it."""
    try:
        child.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
