"""One live tick of the page on a very long run, against reading the whole run at each tick."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import psutil

from benchmarks.big_run import going_on, make_big_run
from benchmarks.browser import open_tab
from benchmarks.table import Row
from core.runs.history import History
from core.runs.store import Run, RunStore
from interface.runs import charts
from tests.interface.harness import serving

POINTS = 1_000_000
LOG_BYTES = 500_000_000
MAX_PROCESSOR_SECONDS = 0.050
MAX_BYTES = 200_000
SETTLE_TICKS, TICKS = 3, 20
SETTLE_SECONDS, IDLE_SECONDS = 2, 10
LIMIT_SECONDS = 180


@dataclass(frozen=True)
class Seen:
    """Processor seconds of a tick, of the first look, and of a second without any page."""

    tick: float
    first: float
    idle: float
    sizes: list[int]


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run = make_big_run(RunStore(Path(folder)), points=POINTS, log_bytes=LOG_BYTES)
        with going_on(run, step=POINTS):
            seen = _watch(run)
            naive = _read_all(run)
    largest = max(seen.sizes)
    return [
        Row(
            name="live tick, processor time",
            ours=f"{seen.tick * 1000:.1f} ms",
            rival=f"reading it all {naive * 1000:.0f} ms",
            figure=f"{seen.tick * 1000:.1f} ms, {seen.tick / naive:.4f} times",
            limit=f"< {MAX_PROCESSOR_SECONDS * 1000:.0f} ms",
            ok=seen.tick < MAX_PROCESSOR_SECONDS,
        ),
        Row(
            name="live tick, bytes sent",
            ours=f"{largest / 1000:.0f} KB",
            figure=f"{largest / 1000:.0f} KB at most, {mean(seen.sizes) / 1000:.0f} KB on average",
            limit=f"< {MAX_BYTES // 1000} KB",
            ok=largest < MAX_BYTES,
        ),
        Row(
            name="  first look at that run",
            ours=f"{seen.first:.1f} s",
            figure=f"{seen.first / naive:.2f} times",
            rival=f"reading it all {naive:.1f} s",
        ),
        Row(
            name="  a second without a page",
            ours=f"{seen.idle * 1000:.1f} ms",
            figure=f"{seen.idle:.1%} of a core",
        ),
    ]


def _watch(run: Run) -> Seen:
    with serving(run.home) as server:
        meter = _Meter(server.process.pid)
        time.sleep(SETTLE_SECONDS)
        idle = meter.seconds_of(lambda: time.sleep(IDLE_SECONDS)) / IDLE_SECONDS
        with open_tab(f"{server.url}/?run={run.id}") as tab:
            curves = tab.page.locator("#curves svg").first
            first = meter.seconds_of(lambda: curves.wait_for(timeout=LIMIT_SECONDS * 1000))
            tab.wait_for_ticks(SETTLE_TICKS, limit=LIMIT_SECONDS)
            before = len(tab.ticks)
            spent = meter.seconds_of(lambda: tab.wait_for_ticks(TICKS, limit=LIMIT_SECONDS))
            sizes = tab.ticks[before:]
    # All that the process does meanwhile is counted: a tick comes with its second.
    return Seen(tick=spent / len(sizes), first=first, idle=idle, sizes=sizes)


class _Meter:
    """Processor seconds of another process."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def seconds_of(self, wait: Callable[[], object]) -> float:
        start = self._now()
        wait()
        return self._now() - start

    def _now(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _read_all(run: Run) -> float:
    """Processor seconds of what an app does that keeps nothing from tick to tick."""
    start = time.process_time()
    history = History(path=run.paths.events)
    history.follow()
    charts.draw(history, run.config().method.metrics)
    return time.process_time() - start
