"""Whole processes and what they cost, with all that they start."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.home import environment_of
from benchmarks.table import BenchmarkFailed
from core.machine.processes import become_subreaper, end_descendants
from core.machine.source_tree import ROOT

GRACE_SECONDS = 20
OUTPUT = "output.txt"


@dataclass(frozen=True)
class Spent:
    """Seconds from start to end, and seconds of processor time of the whole family.

    `others` is the share of this machine's processors that went to somebody else meanwhile.
    """

    wall: float
    processor: float
    others: float


def spend(
    command: list[str],
    *,
    home: Path,
    limit: float,
    environment: Mapping[str, str] | None = None,
) -> Spent:
    """Run a Python module to its end, with variables of `environment` besides.

    Raises BenchmarkFailed when it fails, or takes too long.
    """
    become_subreaper()
    before, busy_before = _processor_seconds(), _busy_seconds()
    start = time.perf_counter()
    log = home / OUTPUT
    variables = environment_of(home) | dict(environment or {})
    try:
        with log.open("wb") as output:
            code = subprocess.run(
                [sys.executable, "-m", *command], cwd=ROOT, env=variables,
                stdout=output, stderr=output, timeout=limit, check=False,
            ).returncode  # fmt: skip
        wall = time.perf_counter() - start
        # A supervisor outlives by a moment whoever followed its run; its time counts too.
        psutil.wait_procs(psutil.Process().children(), timeout=GRACE_SECONDS)
        busy, elapsed = _busy_seconds() - busy_before, time.perf_counter() - start
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"{command[0]} took more than {limit:.0f} s") from error
    finally:
        end_descendants(grace=GRACE_SECONDS)
    if code != 0:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BenchmarkFailed(f"{command[0]} ended with exit code {code}: {''.join(last)[:200]}")
    processor = _processor_seconds() - before
    others = max(0.0, busy - processor) / (elapsed * psutil.cpu_count())
    return Spent(wall=wall, processor=processor, others=others)


def spend_and_tell(command: list[str], *, home: Path, limit: float) -> tuple[Spent, dict[str, Any]]:
    """What a Python module costs, and the JSON object that it prints at its end."""
    spent = spend(command, home=home, limit=limit)
    lines = (home / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
    told = next((line for line in reversed(lines) if line.startswith("{")), None)
    if told is None:
        raise BenchmarkFailed(f"{command[0]} printed no figures")
    return spent, json.loads(told)


def warm_up() -> None:
    """Have the libraries in memory before the first clock starts: reading them is nobody's work."""
    subprocess.run([sys.executable, "-c", "import datasets, peft, trl"], cwd=ROOT, check=True)


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _busy_seconds() -> float:
    """Processor seconds of everything on this machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
