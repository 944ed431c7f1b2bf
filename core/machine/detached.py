"""Processes that outlive the one that starts them."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.machine.source_tree import ROOT


def spawn_detached(
    arguments: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    pass_fds: Sequence[int] = (),
    stdin: bytes = b"",
) -> None:
    """Start a module of ours in a session of its own, with what it writes added to `log`.

    Locks among `pass_fds` pass to it unbroken, and die with it.
    """
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
