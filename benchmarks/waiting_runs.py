"""What runs that wait cost: their processes, and the processor's time, also amid many old runs."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.table import BenchmarkFailed, Row
from core.config.parse import parse_config
from core.jobs import launcher
from core.machine.atomic import lock_file
from core.machine.processes import become_subreaper, end_descendants
from core.runs.state import RunState
from core.runs.store import RunStore

WAITING, FINISHED = 20, 1000
# One dispatcher, however many wait.
MAX_PROCESSES, MAX_SHARE = 1, 0.01
SETTLE_SECONDS, MEASURED_SECONDS = 5, 30
GRACE_SECONDS = 10
MIB = 1024**2


@dataclass(frozen=True)
class Cost:
    """What is at work for the runs of a home while they wait. `share` is of one core."""

    processes: int
    memory: int
    share: float


def measure() -> list[Row]:
    become_subreaper()
    return [
        _row(f"{WAITING} waiting runs", _cost_of(waiting=WAITING, finished=0)),
        _row(f"a waiting run amid {FINISHED:,}", _cost_of(waiting=1, finished=FINISHED)),
    ]


def _row(name: str, cost: Cost) -> Row:
    return Row(
        name=name,
        ours=f"{cost.processes} process, {cost.memory / MIB:.0f} MiB",
        figure=f"{cost.share:.2%} of a core",
        limit=f"{MAX_PROCESSES} process, < {MAX_SHARE:.0%}",
        ok=cost.processes <= MAX_PROCESSES and cost.share < MAX_SHARE,
    )


def _cost_of(*, waiting: int, finished: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, _taken_device(Path(folder)):
        store, config = RunStore(Path(folder)), parse_config({})
        for number in range(finished):
            run, _ = store.create(config, files={}, submission=f"{number:08x}")
            run.write_status(run.status().model_copy(update={"state": RunState.DONE}))
        try:
            for number in range(finished, finished + waiting):
                launcher.start(
                    store, config, files={}, submission=f"{number:08x}", token=None
                )  # fmt: skip
            time.sleep(SETTLE_SECONDS)
            return _watch()
        finally:
            end_descendants(grace=GRACE_SECONDS)


@contextmanager
def _taken_device(home: Path) -> Iterator[None]:
    slot = lock_file(RunStore(home).slot)
    if slot is None:
        raise BenchmarkFailed("a new home's device is in use")
    try:
        yield
    finally:
        os.close(slot)


def _watch() -> Cost:
    """All that lives below this process is at work for the runs that wait."""
    family = psutil.Process().children(recursive=True)
    before, start = _processor_seconds(family), time.monotonic()
    time.sleep(MEASURED_SECONDS)
    spent = _processor_seconds(family) - before
    return Cost(
        processes=len(family),
        memory=sum(process.memory_info().rss for process in family),
        share=spent / (time.monotonic() - start),
    )


def _processor_seconds(family: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in family]
    return float(sum(each.user + each.system for each in times))
