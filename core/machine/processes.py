"""Processes: which one it is, whether it lives, and how a whole family of them is ended."""

import ctypes
import os
import signal
import sys
from functools import cache
from pathlib import Path

import psutil
from pydantic import BaseModel

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PARENT = "SMOLFACTORY_PARENT"


class ProcessIdentity(BaseModel):
    """Names one process for good: a pid alone comes back after a while, or after a reboot."""

    boot: str
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Raises psutil.NoSuchProcess when there is none."""
        return cls(boot=_boot_id(), pid=pid, started=_start(pid))

    def process(self) -> psutil.Process | None:
        """The process while it runs. A zombie is dead."""
        if self.boot != _boot_id():
            return None
        try:
            process = psutil.Process(self.pid)
            if _start(self.pid) != self.started or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process


def become_subreaper() -> None:
    """Make this process the parent of orphans below it, so that none is lost from sight."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def child_of_this() -> dict[str, str]:
    """For the environment of a child that calls `die_with_parent`: whose it is."""
    return {PARENT: str(os.getpid())}


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, however that happens.

    A parent that ended before this was asked is not told of: then this process has another one.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.pop(PARENT, str(os.getppid())) != str(os.getppid()):
        os.kill(os.getpid(), signal.SIGKILL)


def end_family(process: psutil.Process, *, grace: float) -> None:
    """End a process and all below it: ask first, and after `grace` seconds insist."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    _end(family, grace=grace)


def end_descendants(*, grace: float, but: int | None = None) -> None:
    """End and reap all that lives below this process, until nothing is left but one of them."""
    while family := [p for p in psutil.Process().children(recursive=True) if p.pid != but]:
        _end(family, grace=grace)


def _end(family: list[psutil.Process], *, grace: float) -> None:
    for member in family:
        _signal(member, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=grace)
    for member in alive:
        _signal(member, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=10)


def signal_name(number: int) -> str:
    """A signal's name; its number where it has none, as most real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _start(pid: int) -> float:
    """When the process began. On Linux in clock ticks since boot, which no clock change moves."""
    stat = Path(f"/proc/{pid}/stat")
    if not sys.platform.startswith("linux"):
        return psutil.Process(pid).create_time()
    try:
        # The name in parentheses may hold spaces; starttime is field 22 of proc(5).
        return float(stat.read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error


@cache
def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(option, value, 0, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
