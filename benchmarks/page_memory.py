"""Resident memory of the page's process at rest, against the smallest Gradio app."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.browser import open_tab
from benchmarks.home import environment_of
from benchmarks.table import Row
from core.machine.source_tree import ROOT
from tests.interface.harness import free_port, serving, without_default
from tests.waiting import wait_until

MEGABYTE = 1_000_000
MAX_BYTES = 350 * MEGABYTE
TICKS = 10
LIMIT_SECONDS = 120


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        ours, torch = _our_page(Path(folder))
        bare = _bare_page(Path(folder))
    return [
        Row(
            name="page's memory at rest",
            ours=f"{ours / MEGABYTE:.0f} MB",
            rival=f"bare Gradio {bare / MEGABYTE:.0f} MB",
            figure=f"{ours / MEGABYTE:.0f} MB, {ours / bare:.2f} times",
            limit=f"< {MAX_BYTES // MEGABYTE} MB",
            ok=ours < MAX_BYTES,
        ),
        Row(
            name="  torch in it",
            ours=f"{torch} files",
            figure=f"{torch} files",
            limit="none",
            ok=torch == 0,
        ),
    ]


def _our_page(home: Path) -> tuple[int, int]:
    """Bytes in memory, and how many files of torch are mapped."""
    with serving(home) as server:
        client = server.client()
        client.predict(**without_default(client), api_name="/preview")
        with open_tab(server.url) as tab:
            tab.wait_for_ticks(TICKS, limit=LIMIT_SECONDS)
            return _resident(server.process.pid), _torch_files(server.process.pid)


def _bare_page(home: Path) -> int:
    with _bare_gradio(home) as (url, pid), open_tab(url) as tab:
        tab.page.get_by_role("textbox").wait_for()
        tab.page.wait_for_timeout(TICKS * 1000)
        return _resident(pid)


@contextmanager
def _bare_gradio(home: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_gradio"],
        cwd=ROOT,
        env=environment_of(home) | {"GRADIO_SERVER_PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(port), seconds=LIMIT_SECONDS)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def _torch_files(pid: int) -> int:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return len({line.split()[-1] for line in maps.splitlines() if "/torch/" in line})
