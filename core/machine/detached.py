"""Processes that outlive the one that starts them."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.machine.orders import Order
from core.machine.source_tree import ROOT
from core.machine.warm import ask_warm


def spawn_detached(
    arguments: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    stdin: bytes = b"",
    has_standby: bool = False,
) -> None:
    """Start a module of ours in a session of its own, with what it writes added to `log`.

    Locks among `pass_fds` pass to it unbroken, and die with it. Where it `has_standby`, it gets
    the option `--standby` with the name that `Standby.find` takes, if the warm process is there.
    """
    if has_standby and _is_started_warm(arguments, log, environment, pass_fds):
        return
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=dict(environment),
            # A session of its own: closing the app must not end a six-hour run.
            start_new_session=True,
            pass_fds=pass_fds,
        )
    if process.stdin is not None:
        # A process that dies at once says why in its log.
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(stdin)
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()


def _is_started_warm(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str], pass_fds: Sequence[int]
) -> bool:
    order = Order(arguments=list(arguments), environment=dict(environment), has_standby=True)
    with log.open("ab") as output, Path(os.devnull).open("rb") as silence:
        standard = {0: silence.fileno(), 1: output.fileno(), 2: output.fileno()}
        forked = ask_warm(order, standard | {number: number for number in pass_fds})
    if forked is not None:
        forked.let_go()
    return forked is not None
