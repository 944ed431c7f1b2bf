"""One live tick of the page on a very long run, against reading the whole run at each tick."""

import tempfile
import time
from pathlib import Path
from statistics import mean

import psutil

from benchmarks.big_run import going_on, make_big_run
from benchmarks.browser import Tab, open_tab
from benchmarks.table import Row
from core.history import History
from core.runs import Run, RunStore
from interface import charts
from tests.interface.harness import serving

POINTS = 1_000_000
LOG_BYTES = 500_000_000
MAX_PROCESSOR_SECONDS = 0.050
MAX_BYTES = 200_000
SETTLE_TICKS, TICKS = 3, 20
LIMIT_SECONDS = 180


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = RunStore(Path(folder))
        run = make_big_run(store, points=POINTS, log_bytes=LOG_BYTES)
        with going_on(run, step=POINTS):
            seconds, first, sizes = _watch(run)
            naive = _read_all(run)
    return [
        Row(
            name="live tick, processor time",
            ours=f"{seconds * 1000:.1f} ms",
            rival=f"reading it all {naive * 1000:.0f} ms",
            figure=f"{seconds * 1000:.1f} ms, {seconds / naive:.4f} times",
            limit=f"< {MAX_PROCESSOR_SECONDS * 1000:.0f} ms",
            ok=seconds < MAX_PROCESSOR_SECONDS,
        ),
        Row(
            name="live tick, bytes sent",
            ours=f"{max(sizes) / 1000:.0f} KB",
            figure=f"{max(sizes) / 1000:.0f} KB at most, {mean(sizes) / 1000:.0f} KB on average",
            limit=f"< {MAX_BYTES // 1000} KB",
            ok=max(sizes) < MAX_BYTES,
        ),
        Row(
            name="  first look at that run",
            ours=f"{first:.1f} s",
            figure=f"{first / naive:.2f} times",
            rival=f"reading it all {naive:.1f} s",
        ),
    ]


def _watch(run: Run) -> tuple[float, float, list[int]]:
    """Processor seconds of a tick and of the first look, and the bytes of each tick."""
    with serving(run.home) as server:
        process = psutil.Process(server.process.pid)
        before = _processor_seconds(process)
        with open_tab(f"{server.url}/?run={run.id}") as tab:
            tab.page.locator("#curves svg").first.wait_for(timeout=LIMIT_SECONDS * 1000)
            first = _processor_seconds(process) - before
            tab.wait_for_ticks(SETTLE_TICKS, limit=LIMIT_SECONDS)
            seconds, sizes = _ticks(tab, process)
        return seconds, first, sizes


def _ticks(tab: Tab, process: psutil.Process) -> tuple[float, list[int]]:
    start = _processor_seconds(process)
    sizes = tab.wait_for_ticks(TICKS, limit=LIMIT_SECONDS)
    return (_processor_seconds(process) - start) / len(sizes), sizes


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _read_all(run: Run) -> float:
    """Processor seconds of what an app does that keeps nothing from tick to tick."""
    start = time.process_time()
    history = History(path=run.paths.events)
    history.follow()
    charts.draw(history)
    return time.process_time() - start
