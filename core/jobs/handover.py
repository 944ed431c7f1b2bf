"""Hands a waiting run's token to the dispatcher, through a socket and past every disk."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from core.jobs.queue import Queue
from core.jobs.submitter import Submitter, pack_all, unpack_all

ANSWER_SECONDS = 5.0
MAX_BYTES = 1024 * 1024
RECEIVED = b"received"


def hand_over(queue: Queue, submitters: dict[str, Submitter]) -> bool:
    """Give the dispatcher what it needs for these runs. Returns whether it has it."""
    try:
        with _address(queue) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(address)
            connection.sendall(pack_all(submitters))
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(len(RECEIVED)) == RECEIVED
    except OSError:
        # It has ended, or is about to.
        return False


@contextlib.contextmanager
def listening(queue: Queue) -> Iterator[socket.socket | None]:
    """A socket for `receive`; whoever is still waiting for an answer at its end gets none.

    None where the folder can't have one: then no token gets through but this installation's own.
    """
    # A dispatcher that was killed leaves it behind.
    queue.socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            with _address(queue) as address:
                listener.bind(address)
            listener.listen()
        except OSError as error:
            sys.stderr.write(f"No socket can be made in {queue.folder}: {error}\n")
            yield None
            return
        try:
            yield listener
        finally:
            queue.socket.unlink(missing_ok=True)


def receive(listener: socket.socket | None, *, timeout: float) -> dict[str, Submitter]:
    """What somebody hands over within this time, by the ids of the runs."""
    if listener is None:
        time.sleep(timeout)
        return {}
    listener.settimeout(timeout)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return {}
    with connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            found = unpack_all(_read(connection))
            connection.sendall(RECEIVED)
        except (OSError, ValueError):
            # Who broke off tries again.
            return {}
    return found


def _read(connection: socket.socket) -> bytes:
    data = b""
    while len(data) < MAX_BYTES and (more := connection.recv(MAX_BYTES)):
        data += more
    return data


@contextlib.contextmanager
def _address(queue: Queue) -> Iterator[str]:
    """The socket's path, shortened: one of more than a hundred bytes is refused (unix(7))."""
    if not Path("/proc/self/fd").is_dir():
        yield str(queue.socket)
        return
    folder = os.open(queue.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{queue.socket.name}"
    finally:
        os.close(folder)
