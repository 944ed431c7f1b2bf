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

# An evaluation is about a forward pass: half of what training an adapter takes.
OF_TRAINING = 1 / 2
# Of all the memory there is, what a run may have when nothing else needs it.
USABLE = 0.95


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
    """`free` bytes of `total` are there for the `memory` that is needed.

    `steps`, `seconds` and `speed` are None where nobody can tell. `instead` says what to change
    where it does not fit.
    """

    memory: Memory
    checkpointing: bool
    free: int
    total: int
    steps: int | None
    seconds: float | None
    speed: Speed | None
    instead: str = ""

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.free

    @property
    def fits_alone(self) -> bool:
        """Whether it would fit if nothing else used this device, such as another run."""
        return self.memory.total <= USABLE * self.total


def unforeseen(config: RunConfig) -> str:
    """Why nobody can tell what a run takes, "" where it can be counted."""
    if not config.method.generates:
        return ""
    most = config.method.longest_answer
    return (
        f"They depend on how long the answers are that the model writes, up to {most:,} tokens. "
        "The run's page shows both from the first step on."
    )


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
            checkpointing=checkpointing, on_gpu=device.kind == "cuda",
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
            (n for n in _smaller(config) if peak(n, checkpointing=True).total <= free), None
        )
        instead = _instead(config, smaller)
    steps = steps_of(config, rows)
    speed = speed_of(
        home, device=device, precision=precision, hidden=shape.hidden,
        quantization=config.model.quantization,
    )  # fmt: skip
    per_token = flops_per_token(
        config, shape, mean_length=rows.mean / config.method.sequences_a_row,
        checkpointing=checkpointing,
    )  # fmt: skip
    seconds = None
    if steps is not None and speed is not None:
        evaluated = OF_TRAINING * _evaluated_rows(config, rows, steps) * rows.mean
        seconds = (_trained_tokens(config, rows, steps) + evaluated) * per_token / speed.flops
    return Forecast(
        memory=memory, checkpointing=checkpointing, free=free, total=device.memory_total,
        steps=steps, seconds=seconds, speed=speed, instead=instead,
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


def _trained_tokens(config: RunConfig, rows: Rows, steps: int) -> float:
    """What the steps have of tokens; the last batch of an epoch may be smaller than the others."""
    training = config.training
    if training.max_steps is None and rows.training is not None:
        return training.num_train_epochs * rows.training * rows.mean
    length = config.method.max_length if config.method.packs else rows.mean
    batch = training.per_device_train_batch_size * training.gradient_accumulation_steps
    return steps * batch * length


def _precision(config: RunConfig, device: Device) -> str:
    """What `auto` usually becomes: on a processor that is measured, and rarely bfloat16."""
    if config.hardware.precision is not Precision.AUTO:
        return config.hardware.precision
    if device.kind != "cuda":
        return Precision.FLOAT32
    # From this generation on GPUs compute in bfloat16.
    is_older = device.capability is not None and device.capability < (8, 0)
    return Precision.FLOAT16 if is_older else Precision.BFLOAT16


def _evaluated_rows(config: RunConfig, rows: Rows, steps: int) -> int:
    if not config.evaluates:
        return 0
    looks = math.ceil(steps / config.evaluation.eval_steps)
    return looks * min(rows.evaluation, config.evaluation.max_eval_samples)


def _smaller(config: RunConfig) -> list[int]:
    """This batch size and those that it is a multiple of, from the largest to the smallest."""
    batch = config.training.per_device_train_batch_size
    least = config.method.smallest_batch
    return [n for n in range(batch, least - 1, -1) if batch % n == 0]


def _instead(config: RunConfig, batch: int | None) -> str:
    """What to change, given the largest batch that would fit with gradient checkpointing."""
    if batch is None:
        other = "train an adapter, "
        if config.adapter.has_adapter:
            other = "" if config.model.quantized else "set `model.quantization` to `4bit`, "
        return f"Lower `method.max_length`, {other}or choose a smaller model or a larger machine."
    training, changes = config.training, []
    if config.hardware.gradient_checkpointing is Switch.OFF:
        changes.append("`hardware.gradient_checkpointing` to `auto`")
    times = training.per_device_train_batch_size // batch
    if times > 1:
        changes.append(f"`training.per_device_train_batch_size` to {batch}")
        accumulated = training.gradient_accumulation_steps * times
        changes.append(f"`training.gradient_accumulation_steps` to {accumulated}")
    *others, last = changes or ["`hardware.gradient_checkpointing` to `on`"]
    joined = f"{', '.join(others)} and {last}" if others else last
    return f"Set {joined}: the same examples a step, in less memory."
