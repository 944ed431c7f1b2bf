"""The warm process: python -m core.train.warm ADDRESS

It loads what trainers and previews need, and no model and no data. Each order that comes in through
the socket is obeyed by a fork of it. A supervisor is no fork: it gets one that stands by to be its
trainer, and starts afresh itself. See core/machine/warm.py for who asks.
"""

import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn

from setproctitle import getproctitle

from core.machine.environment import read_once
from core.machine.loading import loading
from core.machine.orders import Order, obey, place, receive_order
from core.machine.processes import die_with_parent
from core.machine.standby import fork_standby
from core.machine.warm import ANSWER_SECONDS, GO, user_of
from core.train.left_out import quieten_bitsandbytes

# With nobody asking for so long it is in the way.
IDLE_SECONDS = 60 * 60


def main() -> None:
    die_with_parent()
    _load()
    own = read_once(os.environ)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{sys.argv[1]}")
        listener.listen()
        connection = _serve(listener)
    if connection is not None:
        _answer(connection, own)


def _load() -> None:
    # It looks now for the room that a title has, which starts where the environment stands.
    getproctitle()
    quieten_bitsandbytes()
    with loading():
        import core.train.preview.look
        import core.train.session  # noqa: F401


def _serve(listener: socket.socket) -> socket.socket | None:
    """Fork for each who asks. Returns their connection in the fork; None when nobody has asked."""
    asking: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while ready := selector.select(timeout=None if asking else IDLE_SECONDS):
            for key, _ in ready:
                if key.fileobj is not listener:
                    _tell_end(asking, selector, key)
                    continue
                connection, _ = listener.accept()
                pid = os.fork()
                if pid == 0:
                    for other in asking.values():
                        other.close()
                    for each in list(selector.get_map().values()):
                        if each.fileobj is not listener:
                            os.close(each.fd)
                    return connection
                handle = os.pidfd_open(pid)
                selector.register(handle, selectors.EVENT_READ, data=pid)
                asking[pid] = connection
    return None


def _tell_end(
    asking: dict[int, socket.socket], selector: selectors.BaseSelector, key: selectors.SelectorKey
) -> None:
    """Tell who asked for a process how it ended."""
    _, status = os.waitpid(key.data, 0)
    selector.unregister(key.fileobj)
    os.close(key.fd)
    with asking.pop(key.data) as connection:
        try:
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        except OSError:
            # They don't wait for it.
            return


def _answer(connection: socket.socket, own: Mapping[str, str]) -> NoReturn:
    """In a fork: be what is asked for, once it is asked for for good."""
    connection.settimeout(ANSWER_SECONDS)
    if user_of(connection) != os.getuid():
        os._exit(0)
    try:
        order, descriptors = receive_order(connection)
        if read_once(order.environment) != own:
            os._exit(0)
        connection.sendall(str(os.getpid()).encode())
        if connection.recv(len(GO)) != GO:
            os._exit(0)
    except (OSError, EOFError):
        os._exit(0)
    connection.close()
    if order.has_standby:
        _exec_with_standby(order, descriptors)
    die_with_parent()
    place(order, descriptors)
    obey(order)


def _exec_with_standby(order: Order, descriptors: list[int]) -> NoReturn:
    """Start afresh as a program that has a trainer standing by."""
    os.setsid()
    standby = fork_standby(closed=descriptors)
    place(order, descriptors)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    module, *arguments = order.arguments
    command = [sys.executable, "-m", module, "--standby", standby, *arguments]
    os.execve(sys.executable, command, order.environment)  # noqa: S606


if __name__ == "__main__":
    main()
