"""The warm process: it has paid for the trainer's imports, and its forks start at once.

The page begins one beside itself; its address stands in SMOLFACTORY_WARM, which the processes that
the page starts inherit, and no others: a run from a terminal has that terminal's limits. Where it
is not there, or has read another environment, whoever asks starts their process the usual way.
core/train/warm.py is its program.
"""

import contextlib
import math
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO

from core.machine.child import ForkedChild
from core.machine.environment import allowed_environment
from core.machine.hardware import devices, processor
from core.machine.orders import Order, send_order
from core.machine.processes import child_of_this
from core.machine.source_tree import ROOT

VARIABLE = "SMOLFACTORY_WARM"
OFF = "off"
ANSWER_SECONDS = 5.0
# Between two looks whether a process has ended.
WAIT_SECONDS = 0.01
GO = b"go"
# It holds 0.5 GB itself, and should take nothing from a training.
NEEDED_MEMORY = 4 * 1024**3


class WarmProcess:
    """Begins the warm process of a server, at most once at a time. It ends with the server."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin it, unless it is there, is not wanted, or would be in the way."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            if self._process is None and os.environ.get(VARIABLE):
                # A person has turned it off, or named one that they share.
                return
            if not is_possible():
                return
            has_begun = threading.Event()
            threading.Thread(target=self._run, args=(has_begun,), daemon=True).start()
            has_begun.wait()

    def _run(self, has_begun: threading.Event) -> None:
        """As long as it lasts: it ends with the thread that started it (prctl(2))."""
        os.environ[VARIABLE] = f"smolfactory-{secrets.token_hex(16)}"
        try:
            self._process = begin_warm(os.environ[VARIABLE])
        finally:
            has_begun.set()
        self._process.wait()


def is_possible() -> bool:
    """Whether processes may be forked here after torch was loaded, and there is room for it.

    On a GPU that has yet to be tried: a process that is forked after CUDA was started can't use it.
    """
    is_linux = sys.platform.startswith("linux")
    has_gpu = any(device.kind != "cpu" for device in devices())
    return is_linux and not has_gpu and processor().memory_free >= NEEDED_MEMORY


def begin_warm(address: str) -> subprocess.Popen[bytes]:
    """Start one that answers at this address, some seconds from now. It ends with this thread."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "core.train.warm", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env=allowed_environment(token=None) | child_of_this(),
        # Ctrl-C in a terminal is for the server.
        start_new_session=True,
    )


def ask_warm(order: Order, descriptors: Mapping[int, int]) -> "Forked | None":
    """Have a process that obeys an order. None where it has to be started the usual way."""
    address = os.environ.get(VARIABLE) or OFF
    if address == OFF:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(f"\0{address}")
        if user_of(connection) != os.getuid():
            raise PermissionError("The warm process is another user's.")
        send_order(connection, order, descriptors)
        answer = connection.recv(32)
        if not answer:
            raise ConnectionRefusedError("The warm process has another environment.")
        forked = Forked(connection, pid=int(answer))
        # Without this it does nothing: an answer that comes too late starts nothing twice.
        connection.sendall(GO)
    except OSError:
        connection.close()
        return None
    return forked


def user_of(connection: socket.socket) -> int:
    """The user id of the process at the other end (unix(7))."""
    layout = struct.Struct("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size)
    return int(layout.unpack(credentials)[1])


class Forked(ForkedChild):
    """A process that the warm one has forked, and waits for in our place."""

    def __init__(self, connection: socket.socket, *, pid: int) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self._connection = connection
        # Not its number, which another process may have once it has ended.
        self._handle = os.pidfd_open(pid)
        self._code: int | None = None
        # One thread may wait for it while another ends it.
        self._lock = threading.Lock()

    def let_go(self) -> None:
        """Leave it to itself: it can't be asked anything more."""
        self._connection.close()
        os.close(self._handle)

    def wait(self, timeout: float | None = None) -> int:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while self._code is None:
            with self._lock:
                if self._code is None and select.select([self._connection], [], [], 0)[0]:
                    answer = self._connection.recv(32)
                    # Without one the warm process was ended, and this one with it.
                    self._code = int(answer) if answer else -signal.SIGKILL
                    self.let_go()
                    break
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(WAIT_SECONDS)
        return self._code

    def send_signal(self, number: int, /) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._code is None:
                signal.pidfd_send_signal(self._handle, number)


def start_piped(module: str, *, environment: dict[str, str]) -> "Forked | subprocess.Popen[bytes]":
    """Start a module whose standard input and output are pipes, warm where it can be."""
    its_input, to_it = os.pipe()
    from_it, its_output = os.pipe()
    order = Order(arguments=[module], environment=environment)
    try:
        forked = ask_warm(order, {0: its_input, 1: its_output})
    finally:
        os.close(its_input)
        os.close(its_output)
    if forked is not None:
        forked.stdin, forked.stdout = os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb")
        return forked
    os.close(to_it)
    os.close(from_it)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
    )
