"""What a process that was started here can be asked, whichever way it began."""

import signal
import subprocess
from abc import ABC, abstractmethod
from typing import IO, Protocol


class Child(Protocol):
    """As `subprocess.Popen`, which is one."""

    pid: int

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal; None before."""

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """No trouble where it has ended."""

    def kill(self) -> None:
        """No trouble where it has ended."""


class ForkedChild(ABC):
    """A child that was not started by `subprocess`, and answers as if it had been."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> int: ...

    @abstractmethod
    def send_signal(self, number: int, /) -> None: ...

    def poll(self) -> int | None:
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
