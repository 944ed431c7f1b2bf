"""A made-up run that has come a long way and still goes on."""

import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from core.config.parse import parse_config
from core.runs.events import Evaluation, Event, EventWriter, Metric, Progress
from core.runs.state import RunState
from core.runs.store import Run, RunStore

EVALUATE_EVERY = 100
PROGRESS_EVERY = 50
APPEND_SECONDS = 0.1
# What a trainer's log mostly holds: a progress bar, and what was logged.
LOG_LINE = (
    "\r 42%|████▏     | 420000/1000000 [1:10:00<1:36:40, 100.00it/s]"
    "{'loss': '0.4321', 'grad_norm': '1.234', 'learning_rate': '0.0005'}\n"
)


def make_big_run(store: RunStore, *, points: int, log_bytes: int) -> Run:
    """A run's folder with so many logged steps and so large a log."""
    config = parse_config({"output": {"name": "a-long-run"}})
    run, _ = store.create(config, files={}, submission=uuid.uuid4().hex)
    chance = random.Random(0)
    with run.paths.events.open("wb", buffering=1 << 20) as file:
        for seq, event in enumerate(_events(points, chance), start=1):
            event.seq, event.time = seq, datetime.now(UTC)
            file.write(event.model_dump_json().encode() + b"\n")
    with run.paths.log.open("wb") as log:
        block = LOG_LINE.encode() * 10_000
        for _ in range(log_bytes // len(block) + 1):
            log.write(block)
    _write_status(run, step=points)
    return run


@contextmanager
def going_on(run: Run, *, step: int) -> Iterator[None]:
    """Have the run logged on, a step each tenth of a second, as by a trainer and a supervisor."""
    lock = run.lock()
    if lock is None:
        raise RuntimeError("Somebody else holds the lock of a run that was just made.")
    over = threading.Event()
    thread = threading.Thread(target=_append, args=(run, step, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _append(run: Run, step: int, over: threading.Event) -> None:
    writer, chance = EventWriter(run.paths.events), random.Random(1)
    with run.paths.log.open("ab", buffering=0) as log:
        while not over.wait(APPEND_SECONDS):
            step += 1
            writer.write(_metric(step, chance))
            log.write(LOG_LINE.encode())
            if step % 5 == 0:
                writer.write(_progress(step))
            if step % 10 == 0:
                _write_status(run, step=step)


def _events(points: int, chance: random.Random) -> Iterator[Event]:
    for step in range(1, points + 1):
        yield _metric(step, chance)
        if step % EVALUATE_EVERY == 0:
            values = {"eval_loss": 0.4 + 300 / (step + 100), "eval_mean_token_accuracy": 0.9}
            yield Evaluation(step=step, values=values)
        if step % PROGRESS_EVERY == 0:
            yield _progress(step)


def _metric(step: int, chance: random.Random) -> Metric:
    """What TRL logs at a step, with a loss that falls and flutters."""
    noise = chance.random()
    return Metric(
        step=step,
        values={
            "loss": 0.4 + 300 / (step + 100) + 0.1 * noise,
            "grad_norm": 0.5 + noise,
            "learning_rate": 1e-3 / (1 + step / 100_000),
            "entropy": 0.7 + 0.1 * noise,
            "num_tokens": step * 440.0,
            "mean_token_accuracy": 0.9 - 0.1 * noise,
            "epoch": step / 40_000,
        },
    )


def _progress(step: int) -> Progress:
    return Progress(
        step=step, total=2_000_000, epoch=step / 40_000, tokens=step * 440,
        tokens_per_second=4400.0, seconds=step / 10, eta=(2_000_000 - step) / 10,
    )  # fmt: skip


def _write_status(run: Run, *, step: int) -> None:
    changes = {
        "state": RunState.TRAINING, "step": step, "total": 2_000_000, "loss": 0.4,
        "updated": datetime.now(UTC),
    }  # fmt: skip
    run.write_status(run.status().model_copy(update=changes))
