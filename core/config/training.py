"""How the model is trained: steps, learning rate and its schedule, precision."""

from typing import Any, Literal

from pydantic import ConfigDict

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


def _tell_no_rate(schema: dict[str, Any]) -> None:
    """The default of the learning rate is the method's: its description has them all."""
    schema["properties"]["learning_rate"].pop("default", None)


class TrainingSection(Section):
    model_config = ConfigDict(json_schema_extra=_tell_no_rate)

    num_train_epochs: float = setting(
        1.0, label="Epochs", gt=0, le=1000, basic=True, help="Number of passes over the data."
    )
    max_steps: int | None = setting(
        None, label="Maximum steps", ge=1, le=100_000_000,
        help="Number of optimizer steps, instead of the epochs. If empty, the epochs decide.",
    )  # fmt: skip
    learning_rate: float = setting(
        1e-3, label="Learning rate", gt=0, le=1, basic=True,
        help="Peak value. If not set, the training method's own default.",
    )  # fmt: skip
    per_device_train_batch_size: int = setting(
        8, label="Per-device batch size", ge=1, le=4096, basic=True,
        help="Examples per forward pass on each device. Lower it to save memory.",
    )  # fmt: skip
    gradient_accumulation_steps: int = setting(
        1, label="Gradient accumulation steps", ge=1, le=4096,
        help="Batches to accumulate before each optimizer step.",
    )  # fmt: skip
    optim: Optimizer = setting(
        Optimizer.ADAMW, label="Optimizer",
        help="AdamW works well in most cases. Its 8-bit form takes a quarter of the memory.",
    )  # fmt: skip
    weight_decay: float = setting(
        0.0, label="Weight decay", ge=0, le=1, help="Pulls the weights toward zero at each step."
    )
    max_grad_norm: float = setting(
        1.0, label="Maximum gradient norm", ge=0, le=1000,
        help="Gradients with a larger norm are clipped. 0 turns clipping off.",
    )  # fmt: skip
    seed: int = setting(
        42, label="Seed", ge=0, le=2**32 - 1,
        help="Random seed for sampling, shuffling and initialization.",
    )  # fmt: skip
    logging_steps: int = setting(
        1, label="Logging steps", ge=1, le=1_000_000,
        help="Log metrics every this many steps.",
    )  # fmt: skip
    save_steps: int = setting(
        20, label="Save steps", ge=1, le=1_000_000,
        help="Save a checkpoint every this many steps. A run resumes from the latest one.",
    )  # fmt: skip
    save_total_limit: int = setting(
        2, label="Checkpoint limit", ge=1, le=100, help="Older checkpoints are deleted from disk."
    )
    load_best_model_at_end: bool = setting(
        False, label="Keep the best checkpoint",
        help="The result is the checkpoint with the lowest evaluation loss instead of the last.",
    )  # fmt: skip
    early_stopping_patience: int | None = setting(
        None, label="Early stopping patience", ge=1, le=1_000_000,
        help="Stop after so many evaluations without improvement, with the best. If empty, never.",
    )  # fmt: skip
    early_stopping_threshold: float = setting(
        0.0, label="Early stopping threshold", ge=0, le=1000,
        help="The evaluation loss must fall by more than this to count as an improvement.",
    )  # fmt: skip

    @property
    def keeps_best(self) -> bool:
        """Whether the result is the best checkpoint, and not the last."""
        return self.load_best_model_at_end or self.early_stopping_patience is not None


class ScheduleSection(Section):
    lr_scheduler_type: Schedule = setting(
        Schedule.COSINE, label="Schedule", help="How the learning rate changes during training."
    )
    warmup_steps: float = setting(
        0.05, label="Warm-up steps", ge=0, le=10_000_000,
        help="Steps of rising learning rate at the start. Below 1, a fraction of all steps.",
        shown_when={
            "schedule.lr_scheduler_type": tuple(s for s in Schedule if s not in WITHOUT_WARMUP)
        },
    )  # fmt: skip
    num_cycles: float | None = setting(
        None, label="Cycles", gt=0, le=1000,
        help="Cosine cycles (0.5 is a single decay) or restarts. If empty, transformers' default.",
        shown_when={"schedule.lr_scheduler_type": COSINES},
    )  # fmt: skip
    min_lr_rate: float = setting(
        0.1, label="Minimum learning rate ratio", ge=0, le=1,
        help="Final learning rate as a fraction of the peak.",
        shown_when={"schedule.lr_scheduler_type": (*WITH_MIN_LR, Schedule.WARMUP_STABLE_DECAY)},
    )  # fmt: skip
    warmup_lr_rate: float | None = setting(
        None, label="Initial learning rate ratio", ge=0, le=1,
        help="Initial learning rate as a fraction of the peak. If empty, transformers' default.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.COSINE_WARMUP_WITH_MIN_LR,)},
    )  # fmt: skip
    power: float = setting(
        1.0, label="Power", gt=0, le=10, help="Exponent of the polynomial. 1 is linear.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.POLYNOMIAL,)},
    )  # fmt: skip
    lr_end: float = setting(
        1e-7, label="Final learning rate", ge=0, le=1,
        help="Must be lower than the peak.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.POLYNOMIAL,)},
    )  # fmt: skip
    timescale: int | None = setting(
        None, label="Timescale", ge=1, le=100_000_000,
        help="Timescale of the decay, in steps. If empty, the warm-up steps.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.INVERSE_SQRT,)},
    )  # fmt: skip
    decay_steps: int = setting(
        10, label="Decay steps", ge=1, le=10_000_000, help="Length of the final decay.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    warmup_type: Literal["linear", "cosine", "1-sqrt"] = setting(
        "linear", label="Warm-up type", help="Shape of the warm-up.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    decay_type: Literal["linear", "cosine", "1-sqrt"] = setting(
        "cosine", label="Decay type", help="Shape of the decay.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.WARMUP_STABLE_DECAY,)},
    )  # fmt: skip
    factor: float = setting(
        0.5, label="Factor", gt=0, lt=1,
        help="The learning rate is multiplied by this when the loss stops improving.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    patience: int = setting(
        5, label="Patience", ge=0, le=1_000_000,
        help="Evaluations without improvement before the learning rate changes.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    min_lr: float = setting(
        0.0, label="Minimum learning rate", ge=0, le=1, help="Lower bound of the learning rate.",
        shown_when={"schedule.lr_scheduler_type": BY_LOSS},
    )  # fmt: skip
    max_lr: float | None = setting(
        None, label="Maximum learning rate", gt=0, le=1,
        help="Upper bound of the learning rate. If empty, the peak.",
        shown_when={"schedule.lr_scheduler_type": (Schedule.GREEDY,)},
    )  # fmt: skip


class HardwareSection(Section):
    precision: Precision = setting(
        Precision.AUTO, label="Precision",
        help="Number format for training. `auto` measures what is fast and safe on this machine.",
    )  # fmt: skip
    gradient_checkpointing: Switch = setting(
        Switch.AUTO, label="Gradient checkpointing",
        help="Saves memory at the cost of speed. `auto` enables it only when memory is short.",
    )  # fmt: skip
    fused_lm_head: Switch = setting(
        Switch.AUTO, label="Fused language-model head",
        help="Computes the loss of learned tokens only, and its gradient at once. `auto`: on a "
        "CPU. `off`: as TRL does.",
    )  # fmt: skip
