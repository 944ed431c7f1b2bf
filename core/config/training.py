"""How it is trained: steps, learning rate and its schedule, number format."""

from typing import Literal

from core.config.options import (
    BY_LOSS,
    COSINES,
    WITH_MIN_LR,
    WITHOUT_WARMUP,
    Optimizer,
    Precision,
    Schedule,
    Switch,
)
from core.config.setting import Section, setting


class TrainingSection(Section):
    num_train_epochs: float = setting(
        1.0, label="Epochs", gt=0, le=1000, basic=True, help="How often each example is seen."
    )
    max_steps: int | None = setting(
        None, label="Max steps", ge=1, le=100_000_000,
        help="End after so many optimizer steps, whatever the epochs say. Empty: no such limit.",
    )  # fmt: skip
    learning_rate: float = setting(
        1e-3, label="Learning rate", gt=0, le=1, basic=True,
        help="Peak learning rate: about 2e-4 to 1e-3 for LoRA, 1e-5 to 5e-5 for all weights.",
    )  # fmt: skip
    per_device_train_batch_size: int = setting(
        8, label="Batch size", ge=1, le=4096, basic=True,
        help="Examples at a time on the device; less needs less memory.",
    )  # fmt: skip
    gradient_accumulation_steps: int = setting(
        1, label="Gradient accumulation", ge=1, le=4096,
        help="Batches that are added up before each optimizer step.",
    )  # fmt: skip
    optim: Optimizer = setting(
        Optimizer.ADAMW, label="Optimizer", help="How gradients become steps; AdamW suits most."
    )
    weight_decay: float = setting(
        0.0, label="Weight decay", ge=0, le=1, help="Pulls the weights towards zero at each step."
    )
    max_grad_norm: float = setting(
        1.0, label="Gradient clipping", ge=0, le=1000,
        help="The longest gradient that is let through; 0 lets all through.",
    )  # fmt: skip
    seed: int = setting(
        42, label="Seed", ge=0, le=2**32 - 1, help="The same seed gives the same data order."
    )
    logging_steps: int = setting(
        1, label="Log every", ge=1, le=1_000_000,
        help="Steps from one point of a curve to the next.",
    )  # fmt: skip
    save_steps: int = setting(
        20, label="Save every", ge=1, le=1_000_000,
        help="Steps from one checkpoint to the next; a run resumes from the newest.",
    )  # fmt: skip
    save_total_limit: int = setting(
        2, label="Checkpoints to keep", ge=1, le=100, help="Older checkpoints are deleted."
    )


class ScheduleSection(Section):
    lr_scheduler_type: Schedule = setting(
        Schedule.COSINE, label="Schedule", help="How the learning rate moves during training."
    )
    warmup_steps: float = setting(
        0.05, label="Warm-up", ge=0, le=10_000_000,
        help="Steps of a rising learning rate at the start; below 1 it is a share of all steps.",
        shown_when={
            "schedule.lr_scheduler_type": tuple(s for s in Schedule if s not in WITHOUT_WARMUP)
        },
    )  # fmt: skip
    num_cycles: float | None = setting(
        None, label="Cycles", gt=0, le=1000,
        help="Waves of the cosine (0.5 is one fall), or restarts. Empty: transformers' default.",
        shown_when={"schedule.lr_scheduler_type": COSINES},
    )  # fmt: skip
    min_lr_rate: float = setting(
        0.1, label="Minimum, as a share of the peak", ge=0, le=1,
        help="The learning rate at the end, as a share of the peak.",
        shown_when={"schedule.lr_scheduler_type": (*WITH_MIN_LR, Schedule.WARMUP_STABLE_DECAY)},
    )  # fmt: skip
    warmup_lr_rate: float | None = setting(
        None, label="Start, as a share of the peak", ge=0, le=1,
        help="The learning rate at the first step of the warm-up. Empty: transformers' default.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.COSINE_WARMUP_WITH_MIN_LR,)},
    )  # fmt: skip
    power: float = setting(
        1.0, label="Power", gt=0, le=10, help="Exponent of the polynomial; 1 is a straight line.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.POLYNOMIAL,)},
    )  # fmt: skip
    lr_end: float = setting(
        1e-7, label="Final learning rate", ge=0, le=1,
        help="The learning rate at the end; it must lie below the peak.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.POLYNOMIAL,)},
    )  # fmt: skip
    timescale: int | None = setting(
        None, label="Timescale", ge=1, le=100_000_000,
        help="Steps that set the pace of the decay. Empty: the warm-up steps.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.INVERSE_SQRT,)},
    )  # fmt: skip
    decay_steps: int = setting(
        10, label="Decay", ge=1, le=10_000_000, help="Steps of the fall at the end.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    warmup_type: Literal["linear", "cosine", "1-sqrt"] = setting(
        "linear", label="Warm-up curve", help="The shape of the rise.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    decay_type: Literal["linear", "cosine", "1-sqrt"] = setting(
        "cosine", label="Decay curve", help="The shape of the fall.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    factor: float = setting(
        0.5, label="Factor", gt=0, lt=1,
        help="What the learning rate is multiplied by when the loss stops falling.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    patience: int = setting(
        5, label="Patience", ge=0, le=1_000_000,
        help="Looks at the loss without improvement before the learning rate changes.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    min_lr: float = setting(
        0.0, label="Lowest learning rate", ge=0, le=1, help="The learning rate never goes below.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    max_lr: float | None = setting(
        None, label="Highest learning rate", gt=0, le=1,
        help="The learning rate never goes above. Empty: the peak.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.GREEDY,)},
    )  # fmt: skip


class HardwareSection(Section):
    precision: Precision = setting(
        Precision.AUTO, label="Number format",
        help="auto measures which is fast and safe on this machine.",
    )  # fmt: skip
    gradient_checkpointing: Switch = setting(
        Switch.AUTO, label="Gradient checkpointing",
        help="Saves memory and costs time; auto turns it on only where memory is short.",
    )  # fmt: skip
