"""A training whose checkpoints go to the Hub meanwhile, against the same one that keeps none."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.home import new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import spend, warm_up
from core.config import load_config
from core.events import StateChanged, read_events
from core.runs import Run, RunState, RunStore
from tests.hub import HubDouble

RUN = Path(__file__).parent / "run.yaml"
MAX_RATIO = 1.03
LIMIT_SECONDS = 3600
SAVE_EVERY = 6
# A Hub does not write to this machine's disk, which the trainer waits for at each checkpoint.
MEMORY = "/dev/shm"


def measure(*, pairs: int, steps: int) -> list[Row]:
    warm_up()
    rounds = []
    for _ in range(pairs):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder, _hub_elsewhere(Path(folder)) as hub:
            hub.add_user(name="ada", token="hf_benchmark")
            rounds.append((_train(steps, hub=hub, keeps=True), _train(steps, hub=hub, keeps=False)))
    ratios = [kept / plain for kept, plain in rounds]
    return [
        Row(
            name=f"safekeeping, {steps} steps",
            ours=f"{median(kept for kept, _ in rounds):.1f} s",
            rival=f"keeping none {median(plain for _, plain in rounds):.1f} s",
            figure=f"{median(ratios):.3f}",
            limit=f"≤ {MAX_RATIO}",
            ok=median(ratios) <= MAX_RATIO,
        ),
        Row(name="  its pairs", figure=", ".join(f"{ratio:.3f}" for ratio in ratios)),
    ]


@contextmanager
def _hub_elsewhere(root: Path) -> Iterator[HubDouble]:
    """A Hub takes none of this machine's processor, so its double takes what is left over."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with HubDouble(root=root) as hub:
        # Its thread keeps what it was born with; what is timed is started by this one.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        yield hub


def _train(steps: int, *, hub: HubDouble, keeps: bool) -> float:
    """Seconds from the first step's start to the last step's end."""
    config = load_config(RUN.read_text(encoding="utf-8"))
    training = {"max_steps": steps, "save_every": SAVE_EVERY}
    config = config.model_copy(
        update={
            "training": config.training.model_copy(update=training),
            "output": config.output.model_copy(update={"safekeeping": keeps}),
        }
    )
    with new_home() as home:
        file = home / "run.yaml"
        file.write_text(config.to_yaml())
        spend(
            ["core", "train", str(file), "--follow"], home=home, limit=LIMIT_SECONDS,
            environment=hub.environment(home=home / "hf", token="hf_benchmark"),
        )  # fmt: skip
        run = RunStore(home).list()[0]
        if keeps and json.loads(run.paths.kept.read_text())["step"] != steps:
            raise BenchmarkFailed("the last checkpoint was not kept")
        return _seconds_of_training(run)


def _seconds_of_training(run: Run) -> float:
    events, _ = read_events(run.paths.events, offset=0)
    at = {event.state: event.time for event in events if isinstance(event, StateChanged)}
    return (at[RunState.SAVING] - at[RunState.TRAINING]).total_seconds()
