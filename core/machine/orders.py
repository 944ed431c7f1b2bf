"""Orders to a process that has loaded large libraries already: which program it is from now on.

An order travels through a socket with the descriptors that the program has open, and the process
that obeys it goes on as if `python -m` had started it, without the seconds that its imports take.
"""

import fcntl
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import NoReturn

from pydantic import BaseModel
from setproctitle import setproctitle

_HEADER_BYTES = 8
_MAX_DESCRIPTORS = 16
# Above what a program is given by number.
_ASIDE = 200


class Order(BaseModel):
    """`arguments` are what follows `python -m`. `numbers` are what it knows its descriptors by."""

    arguments: list[str]
    environment: dict[str, str]
    numbers: list[int] = []
    # Whether it gets a process of its own that stands by to become a trainer.
    has_standby: bool = False


def send_order(connection: socket.socket, order: Order, descriptors: Mapping[int, int]) -> None:
    """Send an order with open descriptors, by the numbers that the program knows them by.

    Raises OSError when nobody is there to obey it.
    """
    whole = order.model_copy(update={"numbers": list(descriptors)})
    data = whole.model_dump_json().encode()
    header = len(data).to_bytes(_HEADER_BYTES)
    socket.send_fds(connection, [header], list(descriptors.values()))
    connection.sendall(data)


def receive_order(connection: socket.socket) -> tuple[Order, list[int]]:
    """An order and its descriptors, in the order of `numbers`. Raises EOFError where none came."""
    header, received, _, _ = socket.recv_fds(connection, _HEADER_BYTES, _MAX_DESCRIPTORS)
    descriptors = [put_aside(each) for each in received]
    if len(header) < _HEADER_BYTES:
        raise EOFError
    size, data = int.from_bytes(header), b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return Order.model_validate_json(data), descriptors


def put_aside(descriptor: int) -> int:
    """Give a descriptor a number that no program's own can have. The old one is closed."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ASIDE)
    finally:
        os.close(descriptor)


def place(order: Order, descriptors: list[int]) -> None:
    """Open the descriptors under the numbers that the program knows them by."""
    for number, descriptor in zip(order.numbers, descriptors, strict=True):
        os.dup2(descriptor, number, inheritable=True)
        os.close(descriptor)


def obey(order: Order) -> NoReturn:
    """Be the program from here on, and exit as it does. This process must have one thread alone.

    The libraries that are loaded have read their part of the environment: see
    `core.machine.environment.read_once`.
    """
    if threading.active_count() > 1:
        raise RuntimeError("Threads are not copied when a process forks.")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order.environment)
    # Read again from the environment.
    tempfile.tempdir = None
    setproctitle(" ".join([sys.executable, "-m", *order.arguments]))
    module, *arguments = order.arguments
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)
