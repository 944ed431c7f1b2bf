"""What a run will take of this machine, told before it starts: memory and time."""

import math
from dataclasses import dataclass
from pathlib import Path

from core.config.options import Precision, Switch
from core.config.run_config import RunConfig
from core.estimate.memory import Memory, peak_memory
from core.estimate.model_shape import ModelShape
from core.estimate.speed import Speed, speed_of
from core.estimate.work import flops_per_token
from core.machine.hardware import Device

# An evaluation is a forward pass: half of what training an adapter takes, and a third of what
# training all weights does.
OF_TRAINING = 1 / 2


@dataclass(frozen=True)
class Rows:
    """What is known of the data.

    Rows to train on, None where nobody has counted them, and to evaluate with; the mean tokens of a
    row, of both sides where it has two, and the longest sequence that is trained on.
    """

    training: int | None
    evaluation: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Forecast:
    """`free` bytes are there for the `memory` that it takes, with checkpointing or without.

    `steps`, `seconds` and `speed` are None where nobody can tell. `instead` says what to change
    where it does not fit.
    """

    memory: Memory
    checkpointing: bool
    free: int
    steps: int | None
    seconds: float | None
    speed: Speed | None
    instead: str = ""

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.free


def forecast(
    config: RunConfig, shape: ModelShape, rows: Rows, *, device: Device, home: Path
) -> Forecast:
    """The forecast for a run on this device, of which `home` remembers how fast it trained."""
    precision = _precision(config, device)
    fused = config.hardware.fused_lm_head
    fused_head = fused is Switch.ON or (fused is Switch.AUTO and device.kind == "cpu")

    def peak(batch: int, *, checkpointing: bool) -> Memory:
        training = config.training.model_copy(update={"per_device_train_batch_size": batch})
        return peak_memory(
            config.model_copy(update={"training": training}), shape,
            precision=precision, length=length, fused_head=fused_head,
            checkpointing=checkpointing,
        )  # fmt: skip

    most = config.method.max_length
    length = most if config.method.packs else max(1, min(most, rows.longest))
    batch, free = config.training.per_device_train_batch_size, device.memory_free
    wanted = config.hardware.gradient_checkpointing
    checkpointing = wanted is Switch.ON or (
        wanted is Switch.AUTO and peak(batch, checkpointing=False).total > free
    )
    memory = peak(batch, checkpointing=checkpointing)
    instead = ""
    if memory.total > free:
        smaller = next(
            (n for n in _halves(batch) if peak(n, checkpointing=True).total <= free), None
        )
        instead = _instead(config, smaller)
    steps = steps_of(config, rows)
    speed = speed_of(home, device=device, precision=precision, hidden=shape.hidden)
    per_token = flops_per_token(
        config, shape, mean_length=rows.mean / config.method.sequences_a_row,
        checkpointing=checkpointing,
    )  # fmt: skip
    seconds = None
    if steps is not None and speed is not None:
        trained = steps * batch * config.training.gradient_accumulation_steps
        counted = trained + OF_TRAINING * _evaluated_rows(config, rows, steps)
        seconds = counted * rows.mean * per_token / speed.flops
    return Forecast(
        memory=memory, checkpointing=checkpointing, free=free, steps=steps, seconds=seconds,
        speed=speed, instead=instead,
    )  # fmt: skip


def steps_of(config: RunConfig, rows: Rows) -> int | None:
    """As transformers counts: batches in an epoch, by accumulation, times the epochs."""
    training, count = config.training, rows.training
    if training.max_steps is not None or count is None:
        return training.max_steps
    if config.method.packs:
        count = math.ceil(count * rows.mean / config.method.max_length)
    batches = math.ceil(count / training.per_device_train_batch_size)
    an_epoch = max(1, math.ceil(batches / training.gradient_accumulation_steps))
    return math.ceil(training.num_train_epochs * an_epoch)


def _precision(config: RunConfig, device: Device) -> str:
    """What `auto` usually becomes: on a processor that is measured, and rarely bfloat16."""
    if config.hardware.precision is not Precision.AUTO:
        return config.hardware.precision
    return Precision.BFLOAT16 if device.kind == "cuda" else Precision.FLOAT32


def _evaluated_rows(config: RunConfig, rows: Rows, steps: int) -> int:
    if not config.evaluates:
        return 0
    looks = math.ceil(steps / config.evaluation.eval_steps)
    return looks * min(rows.evaluation, config.evaluation.max_eval_samples)


def _halves(batch: int) -> list[int]:
    return [batch >> shift for shift in range(1, batch.bit_length())]


def _instead(config: RunConfig, batch: int | None) -> str:
    if batch is None:
        other = "" if config.adapter.has_adapter else "train an adapter, "
        return f"Lower `method.max_length`, {other}choose a smaller model or a larger machine."
    training = config.training
    times = training.per_device_train_batch_size // batch
    return (
        f"Set `training.per_device_train_batch_size` to {batch} and "
        f"`training.gradient_accumulation_steps` to {training.gradient_accumulation_steps * times}:"
        " the same examples a step, in less memory."
    )
