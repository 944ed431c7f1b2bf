"""The arguments that all of TRL's configurations share, from the settings of a run."""

from typing import Any

import torch

from core.config.options import Precision, Switch
from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.machine.hardware import devices
from core.runs.store import Run
from core.train.schedule import schedule_arguments

# Below this the activations of a step may not fit beside the weights.
ROOMY_BYTES = 8 * 1024**3


def training_arguments(
    config: RunConfig, *, run: Run, precision: str, checkpointing: str, evaluates: bool
) -> dict[str, Any]:
    """Arguments of transformers' TrainingArguments.

    `precision` and `checkpointing` are what these settings became where they were `auto`.
    """
    training = config.training
    return {
        "output_dir": str(run.paths.checkpoints),
        "num_train_epochs": training.num_train_epochs,
        "max_steps": training.max_steps or -1,
        "learning_rate": training.learning_rate,
        "per_device_train_batch_size": training.per_device_train_batch_size,
        "per_device_eval_batch_size": training.per_device_train_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "optim": training.optim.value,
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm,
        "seed": training.seed,
        "logging_steps": training.logging_steps,
        # Left on, a loss that is no number would be logged as 0.
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": training.save_steps,
        "save_total_limit": training.save_total_limit,
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": config.evaluation.eval_steps,
        "bf16": precision == Precision.BFLOAT16,
        "fp16": precision == Precision.FLOAT16,
        "activation_checkpointing": checkpointing == Switch.ON,
        "use_cpu": not torch.accelerator.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "report_to": "none",
        **schedule_arguments(config.schedule, peak=training.learning_rate),
    }


def choose_gradient_checkpointing(wanted: Switch) -> Choice:
    """Whether activations are computed again to save memory, and why."""
    if wanted is not Switch.AUTO:
        return Choice(value=wanted, why="as you chose")
    free = _free_memory()
    why = f"{free / 1024**3:.0f} GB are free"
    return Choice(value=Switch.OFF if free >= ROOMY_BYTES else Switch.ON, why=why)


def _free_memory() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return devices()[0].memory_free
