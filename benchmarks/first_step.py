"""From pressing Start on the page to the first logged step, against a plain TRL script."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

from benchmarks.home import environment_of, new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import GRACE_SECONDS, warm_up
from benchmarks.training import RIVAL, plain_command
from core.jobs import launcher
from core.jobs.liveness import current_status
from core.machine.processes import become_subreaper, end_descendants
from core.machine.source_tree import ROOT
from core.runs.events import Metric, read_events
from core.runs.store import Run, RunStore
from tests.interface.harness import serving, without_default

MAX_MORE_SECONDS = 2.0
LIMIT_SECONDS = 600
POLL_SECONDS = 0.25
# The default run's length, for a schedule like its own; it is ended after its first step.
STEPS = 40


def measure(*, pairs: int) -> list[Row]:
    become_subreaper()
    warm_up()
    rounds = []
    for _ in range(pairs):
        ours, resolved = _press_start()
        rounds.append((ours, _start_plain(resolved)))
    more = median(ours - plain for ours, plain in rounds)
    return [
        Row(
            name="first logged step",
            ours=f"{median(ours for ours, _ in rounds):.1f} s",
            rival=f"{RIVAL} {median(plain for _, plain in rounds):.1f} s",
            figure=f"{more:+.1f} s",
            limit=f"≤ +{MAX_MORE_SECONDS:.0f} s",
            ok=more <= MAX_MORE_SECONDS,
        ),
        Row(
            name="  its pairs",
            figure=", ".join(f"{ours - plain:+.1f}" for ours, plain in rounds),
        ),
    ]


def _press_start() -> tuple[float, dict[str, object]]:
    """Seconds until the first metric, and what the run's open settings became."""
    with new_home() as home:
        try:
            with serving(home) as server:
                client = server.client()
                values = without_default(client)
                start = time.time()
                client.predict(**values, submission="", api_name="/start")
                run = RunStore(home).list()[0]
                first = _first_metric(run)
                launcher.cancel(run)
            return first.time.timestamp() - start, run.resolved()
        finally:
            end_descendants(grace=GRACE_SECONDS)


def _first_metric(run: Run) -> Metric:
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end and current_status(run).state.live:
        events, _ = read_events(run.paths.events, offset=0)
        found = next((event for event in events if isinstance(event, Metric)), None)
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    raise BenchmarkFailed(f"no step was logged in {LIMIT_SECONDS} s")


def _start_plain(resolved: dict[str, object]) -> float:
    """Seconds until the script prints its first loss."""
    with new_home() as home:
        command = plain_command(
            home, out=home / "out", steps=STEPS, precision=str(resolved["precision"]),
            checkpointing=resolved["gradient_checkpointing"] == "on",
        )  # fmt: skip
        start = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment_of(home),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            limit = threading.Timer(LIMIT_SECONDS, process.kill)
            limit.start()
            try:
                return _until_first_loss(process, home) - start
            finally:
                limit.cancel()
                process.kill()


def _until_first_loss(process: subprocess.Popen[bytes], home: Path) -> float:
    for line in process.stdout or ():
        if b"'loss'" in line:
            return time.perf_counter()
    raise BenchmarkFailed(f"the plain script in {home.name} logged no step")
