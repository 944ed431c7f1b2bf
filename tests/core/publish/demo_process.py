"""A demo Space that runs on this machine, as the Hub would start it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
from gradio_client import Client

from tests.command_line import FRUGAL
from tests.interface.harness import free_port
from tests.waiting import wait_until

EXAMPLE = "Say it."


@dataclass
class Space:
    """A demo that runs."""

    url: str
    process: subprocess.Popen[str]

    def ask(self, message: str = EXAMPLE, *, system: str, tokens: int = 60) -> list[str]:
        """The answer as it grew."""
        client = Client(self.url, verbose=False)
        return list(client.submit(message, system, 0, tokens, api_name="/chat"))


@contextmanager
def begin(folder: Path, environment: dict[str, str]) -> Iterator[Space]:
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=folder,
            env=kept
            | FRUGAL
            | environment
            | {"HOME": str(folder), "GRADIO_SERVER_PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Space(url=f"http://127.0.0.1:{port}", process=process)
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def slowed(space: Space) -> Iterator[None]:
    """Let it run for a tenth of the time: so tiny a model is at its end before a browser looks."""
    process, is_over = psutil.Process(space.process.pid), threading.Event()

    def hold() -> None:
        while not is_over.is_set():
            process.suspend()
            is_over.wait(0.09)
            process.resume()
            time.sleep(0.01)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
    finally:
        is_over.set()
        holding.join()


def wait_until_up(space: Space) -> None:
    # One client for all looks: each new one reads this machine's certificates.
    with httpx2.Client() as client:

        def answers() -> bool:
            assert space.process.poll() is None
            try:
                return client.get(space.url).status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(answers)
