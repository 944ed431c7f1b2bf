"""What is forecast of a run, against what it then takes: its peak memory, and its time."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import psutil
import yaml

from benchmarks.home import environment_of, new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import spend
from core.machine.source_tree import ROOT
from core.runs.events import Progress, read_events
from core.runs.store import Run, RunStore

STEPS = 4
LIMIT_SECONDS = 3600
# Never more than this under what a run takes, and this near it at the median.
MAX_UNDER, MAX_MEDIAN = 0.05, 0.10
TIME_MEDIAN = 0.20
SAMPLE_SECONDS = 0.05
GIGABYTE = 1024**3


@dataclass(frozen=True)
class Case:
    """One run: rows of `length` tokens, so many in a batch."""

    batch: int
    length: int
    method: str = "sft"
    adapter: str = "lora"
    dropout: float = 0.0
    checkpointing: str = "off"
    precision: str = "float32"

    @property
    def name(self) -> str:
        """As a row of the table has it."""
        parts = [f"{self.method}, {self.adapter}, {self.batch} × {self.length:,}, {self.precision}"]
        parts += [f"dropout {self.dropout}"] if self.dropout else []
        parts += ["checkpointing"] if self.checkpointing == "on" else []
        return ", ".join(parts)

    def settings(self, file: str) -> dict[str, Any]:
        adapter: dict[str, Any] = {"kind": self.adapter}
        if self.adapter == "lora":
            adapter["lora_dropout"] = self.dropout
        return {
            "version": 2,
            "dataset": {"source": "upload", "files": [file]},
            "method": {"name": self.method, "max_length": self.length},
            "training": {"max_steps": STEPS, "per_device_train_batch_size": self.batch},
            "adapter": adapter,
            "evaluation": {"fraction": 0},
            "hardware": {
                "precision": self.precision, "gradient_checkpointing": self.checkpointing,
            },
        }  # fmt: skip

    def rows(self) -> Iterator[dict[str, str]]:
        """Longer than the longest sequence, so that all are cut to one length."""
        answer = " so" * self.length
        for number in range(self.batch * STEPS):
            if self.method == "sft":
                yield {"prompt": f"{number}?", "completion": answer}
            else:
                yield {"prompt": f"{number}?", "chosen": answer, "rejected": f"{answer}."}


CASES = (
    Case(1, 256),
    Case(1, 1024),
    Case(4, 256),
    Case(8, 256),
    Case(4, 1024, checkpointing="on"),
    Case(4, 256, dropout=0.1),
    Case(4, 256, precision="bfloat16"),
    Case(2, 256, method="dpo"),
    Case(4, 256, adapter="full"),
    Case(4, 256, adapter="full", checkpointing="on"),
)


@dataclass(frozen=True)
class Compared:
    """Bytes at the peak and seconds of training; an error is that of the forecast, signed."""

    case: Case
    forecast_memory: int
    memory: int
    forecast_seconds: float | None
    seconds: float

    @property
    def memory_error(self) -> float:
        return self.forecast_memory / self.memory - 1

    @property
    def time_error(self) -> float | None:
        return None if self.forecast_seconds is None else self.forecast_seconds / self.seconds - 1


def measure() -> list[Row]:
    # In one home: what a run has shown of this machine's speed tells the time of the next.
    with new_home() as home:
        compared = [_compare(case, home=home) for case in CASES]
    errors = [each.memory_error for each in compared]
    near, least = median(map(abs, errors)), min(errors)
    rows = [
        Row(
            name="forecast of memory",
            figure=f"{near:.0%} at the median, {least:+.0%} at the least",
            limit=f"≤ {MAX_MEDIAN:.0%}, ≥ {-MAX_UNDER:.0%}",
            ok=near <= MAX_MEDIAN and least >= -MAX_UNDER,
        )
    ]  # fmt: skip
    # The first run had none before it to judge by.
    late = [abs(each.time_error) for each in compared[1:] if each.time_error is not None]
    rows.append(
        Row(
            name="forecast of time", figure=f"{median(late):.0%} at the median",
            limit=f"≤ {TIME_MEDIAN:.0%}", ok=median(late) <= TIME_MEDIAN,
        )
    )  # fmt: skip
    return rows + [row for each in compared for row in _rows(each)]


def _rows(compared: Compared) -> Iterator[Row]:
    forecast, measured = compared.forecast_memory / GIGABYTE, compared.memory / GIGABYTE
    yield Row(
        name=f"  {compared.case.name}", ours=f"{forecast:.2f} GB", rival=f"took {measured:.2f} GB",
        figure=f"{compared.memory_error:+.0%}",
    )  # fmt: skip
    if compared.time_error is not None and compared.forecast_seconds is not None:
        yield Row(
            name="", ours=f"{compared.forecast_seconds:.0f} s",
            rival=f"took {compared.seconds:.0f} s", figure=f"{compared.time_error:+.0%}",
        )  # fmt: skip


def _compare(case: Case, *, home: Path) -> Compared:
    rows, file = home / "rows.jsonl", home / "run.yaml"
    rows.write_text("".join(json.dumps(row) + "\n" for row in case.rows()), encoding="utf-8")
    file.write_text(yaml.safe_dump(case.settings(rows.name)), encoding="utf-8")
    forecast = _forecast(file, home=home)
    before = {run.id for run in RunStore(home).list()}
    with _watched() as peaks:
        spend(["core", "train", str(file), "--follow"], home=home, limit=LIMIT_SECONDS)
    (run,) = (run for run in RunStore(home).list() if run.id not in before)
    if not peaks:
        raise BenchmarkFailed("no trainer was seen")
    return Compared(
        case=case,
        forecast_memory=sum(forecast["memory"][part] for part in PARTS),
        memory=max(peaks),
        forecast_seconds=forecast["seconds"],
        seconds=_trained_seconds(run),
    )


PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "overhead")


def _forecast(file: Path, *, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "core", "estimate", str(file), "--json"],
        cwd=ROOT, env=environment_of(home), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BenchmarkFailed(done.stderr.strip()[-200:])
    return dict(json.loads(done.stdout))


def _trained_seconds(run: Run) -> float:
    events, _ = read_events(run.paths.events, offset=0)
    return max(event.seconds for event in events if isinstance(event, Progress))


@contextmanager
def _watched() -> Iterator[list[int]]:
    """The peaks of resident memory of the trainers that run meanwhile, as they grow."""
    peaks: list[int] = []
    is_over = Event()

    def watch() -> None:
        while not is_over.wait(SAMPLE_SECONDS):
            for process in psutil.Process().children(recursive=True):
                if (peak := _peak_of_trainer(process)) is not None:
                    peaks.append(peak)

    watching = Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        # What it had at its end is in the last samples.
        time.sleep(SAMPLE_SECONDS)
        is_over.set()
        watching.join()


def _peak_of_trainer(process: psutil.Process) -> int | None:
    try:
        if "core.train" not in process.cmdline():
            return None
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except (psutil.Error, OSError):
        return None
    kilobytes = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), None)
    return int(kilobytes) * 1024 if kilobytes else None
