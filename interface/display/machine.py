"""This machine as the page shows it, looked at no more than once a second."""

import threading
import time

from core.machine.hardware import Device, devices
from interface.display import words

MAX_AGE_SECONDS = 0.9


class _Look:
    """The processor's load is measured from one look to the next, so looks must not crowd."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = float("-inf")
        self._devices: list[Device] = []

    def now(self) -> list[Device]:
        with self._lock:
            if time.monotonic() - self._taken > MAX_AGE_SECONDS:
                self._devices = devices()
                self._taken = time.monotonic()
            return self._devices


_look = _Look()


def now() -> list[Device]:
    """The devices that training would use; there is always at least one."""
    return _look.now()


def sentence() -> str:
    """The machine in one line, for the header."""
    found = now()
    first = found[0]
    many = f"{len(found)} × " if len(found) > 1 else ""
    free, total = words.size(first.memory_free), words.size(first.memory_total)
    return f"{many}{first.name} · {free} of {total} free"
