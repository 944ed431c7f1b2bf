"""A child that has loaded the trainer's libraries, and waits to be told which program it is.

The process that forks it then becomes the program that uses it, by exec: so it is that program's
own child, to be waited for and ended as any other, and it ends when that program does.
"""

import os
import socket
import subprocess
from collections.abc import Iterable, Sequence
from typing import IO, NoReturn

import psutil

from core.machine.child import Child, ForkedChild
from core.machine.orders import Order, obey, place, put_aside, receive_order, send_order
from core.machine.processes import child_of_this, die_with_parent


def fork_standby(*, closed: Iterable[int]) -> str:
    """Fork a child that waits, without these descriptors. Returns the name that `find` takes."""
    mine, its = socket.socketpair()
    whose = child_of_this()
    pid = os.fork()
    if pid == 0:
        for descriptor in [mine.detach(), *closed]:
            os.close(descriptor)
        os.environ.update(whose)
        die_with_parent()
        _wait_and_obey(its)
    descriptor = put_aside(mine.detach())
    os.set_inheritable(descriptor, True)
    return f"{pid}:{descriptor}"


class Standby:
    """Becomes one program, once."""

    def __init__(self, *, pid: int, connection: socket.socket) -> None:
        self._pid = pid
        self._connection = connection

    @classmethod
    def find(cls, name: str) -> "Standby":
        """The one that this process's program was told of."""
        pid, _, descriptor = name.partition(":")
        connection = socket.socket(fileno=int(descriptor))
        connection.set_inheritable(False)
        return cls(pid=int(pid), connection=connection)

    def become(self, arguments: Sequence[str], *, environment: dict[str, str]) -> Child:
        """Have it go on as `python -m` with these arguments, what it writes in a pipe.

        Raises OSError when it has ended meanwhile.
        """
        reads, writes = os.pipe()
        silence = os.open(os.devnull, os.O_RDONLY)
        try:
            order = Order(arguments=list(arguments), environment=environment)
            send_order(self._connection, order, {0: silence, 1: writes, 2: writes})
        except OSError:
            os.close(reads)
            raise
        finally:
            os.close(writes)
            os.close(silence)
            self._connection.close()
        return _Adopted(self._pid, stdout=os.fdopen(reads, "rb", buffering=0))


class _Adopted(ForkedChild):
    """A child of this process that its program did not start."""

    stdin = None

    def __init__(self, pid: int, *, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout: IO[bytes] | None = stdout
        # It remembers the exit code.
        self._process = psutil.Process(pid)

    def wait(self, timeout: float | None = None) -> int:
        try:
            code: int | None = self._process.wait(timeout=timeout)
        except psutil.TimeoutExpired as late:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0) from late
        if code is None:
            raise ChildProcessError(f"Process {self.pid} is not a child of this one.")
        return code

    def send_signal(self, number: int, /) -> None:
        if self.poll() is None:
            self._process.send_signal(number)


def _wait_and_obey(connection: socket.socket) -> NoReturn:
    try:
        order, descriptors = receive_order(connection)
    except EOFError:
        # Nobody needed it.
        os._exit(0)
    connection.close()
    place(order, descriptors)
    obey(order)
