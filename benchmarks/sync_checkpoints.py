"""A training whose checkpoints go to the Hub meanwhile, against itself while they do not."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.home import environment_of, new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import GRACE_SECONDS, warm_up
from core.config.parse import load_config
from core.jobs import launcher
from core.jobs.liveness import current_status
from core.machine.processes import become_subreaper, end_descendants
from core.machine.source_tree import ROOT
from core.runs.events import CheckpointSaved, read_events
from core.runs.store import Run, RunStore
from tests.hub import HubDouble

RUN = Path(__file__).parent / "run.yaml"
TOKEN = "hf_benchmark"
MAX_RATIO = 1.03
SAVE_EVERY = 6
# Not each is copied where they come so often. A pair says little: other programs of a shared
# machine weigh more than what is measured.
CHECKPOINTS_A_TURN, TURNS_A_PAIR = 4, 3
# Checkpoints that may come while the uploader starts.
BEFORE = 10
LIMIT_SECONDS = 600
POLL_SECONDS = 0.1
# A Hub does not write to this machine's disk, which the trainer waits for at each checkpoint.
MEMORY = "/dev/shm"


def measure(*, pairs: int) -> list[Row]:
    become_subreaper()
    warm_up()
    count = pairs * TURNS_A_PAIR
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, _hub_elsewhere(Path(folder)) as hub:
        hub.add_user(name="ada", token=TOKEN)
        with new_home() as home:
            try:
                run = _start(
                    home, hub=hub, steps=SAVE_EVERY * (2 * count * CHECKPOINTS_A_TURN + BEFORE)
                )
                turns = _by_turns(run, pairs=count)
                launcher.cancel(run)
            finally:
                end_descendants(grace=GRACE_SECONDS)
    ratios = [kept / plain for kept, plain in turns]
    return [
        Row(
            name=f"sync_checkpoints, {count} turns",
            ours=f"{median(kept for kept, _ in turns):.2f} s",
            rival=f"keeping none {median(plain for _, plain in turns):.2f} s",
            figure=f"{median(ratios):.3f}",
            limit=f"≤ {MAX_RATIO}",
            ok=median(ratios) <= MAX_RATIO,
        ),
        Row(name="  its pairs", figure=", ".join(f"{ratio:.2f}" for ratio in ratios)),
    ]


@contextmanager
def _hub_elsewhere(root: Path) -> Iterator[HubDouble]:
    """A Hub takes none of this machine's processor, so its double takes what is left over."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with HubDouble(root=root) as hub:
        # Its thread keeps what it was born with; what is timed is started by this one.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        yield hub


def _start(home: Path, *, hub: HubDouble, steps: int) -> Run:
    config = load_config(RUN.read_text(encoding="utf-8"))
    training = {"max_steps": steps, "save_steps": SAVE_EVERY}
    config = config.model_copy(
        update={
            "training": config.training.model_copy(update=training),
            "output": config.output.model_copy(update={"sync_checkpoints": True}),
        }
    )
    file = home / "run.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    environment = environment_of(home) | hub.environment(home=home / "hf", token=TOKEN)
    subprocess.run(
        [sys.executable, "-m", "core", "train", str(file)],
        cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return RunStore(home).list()[0]


def _by_turns(run: Run, *, pairs: int) -> list[tuple[float, float]]:
    """Seconds of as many checkpoints: while they are copied, and while they are not."""
    # What the uploader's start costs is not paid at each checkpoint.
    last = _next_checkpoint(run, after=0)
    while not _kept_step(run):
        last = _next_checkpoint(run, after=last.step)
    uploader = _uploader()
    rounds = []
    for pair in range(pairs):
        seconds: dict[bool, float] = {}
        # Each goes first in every second pair, so that what changes over time favours neither.
        for keeps in (True, False) if pair % 2 == 0 else (False, True):
            if keeps:
                uploader.resume()
            else:
                uploader.suspend()
            following, kept = last, _kept_step(run)
            for _ in range(CHECKPOINTS_A_TURN):
                following = _next_checkpoint(run, after=following.step)
            if keeps == (_kept_step(run) == kept):
                raise BenchmarkFailed("checkpoints were not kept in their turn, or out of it")
            seconds[keeps] = (following.time - last.time).total_seconds()
            last = following
        rounds.append((seconds[True], seconds[False]))
    uploader.resume()
    return rounds


def _next_checkpoint(run: Run, *, after: int) -> CheckpointSaved:
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end and current_status(run).state.live:
        events, _ = read_events(run.paths.events, offset=0)
        saved = [event for event in events if isinstance(event, CheckpointSaved)]
        if saved and saved[-1].step > after:
            return saved[-1]
        time.sleep(POLL_SECONDS)
    raise BenchmarkFailed(f"no checkpoint came after step {after} in {LIMIT_SECONDS} s")


def _kept_step(run: Run) -> int:
    if not run.paths.sync_status.exists():
        return 0
    return int(json.loads(run.paths.sync_status.read_text(encoding="utf-8"))["step"])


def _uploader() -> psutil.Process:
    family = psutil.Process().children(recursive=True)
    return next(
        process for process in family if "core.checkpoint_sync.uploader" in process.cmdline()
    )
