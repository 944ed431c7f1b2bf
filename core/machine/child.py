"""What a process that was started here can be asked, whichever way it began."""

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
