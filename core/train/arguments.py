"""The arguments that all of TRL's configurations share, from the settings of a run."""

from typing import Any

import torch

from core.config.options import Precision, Switch
from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.estimate.memory import Memory, gigabytes
from core.estimate.model_shape import UnknownShape
from core.runs.store import Run
from core.train.best import LOSS
from core.train.schedule import schedule_arguments


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
        "metric_for_best_model": LOSS if training.keeps_best else None,
        "bf16": precision == Precision.BFLOAT16,
        "fp16": precision == Precision.FLOAT16,
        "activation_checkpointing": checkpointing == Switch.ON,
        "use_cpu": not torch.accelerator.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "report_to": "none",
        # The page draws it; in a log that is read as text each look of a bar is a line.
        "disable_tqdm": True,
        **schedule_arguments(config.schedule, peak=training.learning_rate),
    }


def choose_gradient_checkpointing(
    wanted: Switch, *, peak: Memory | UnknownShape, free: int, before: object = None
) -> Choice:
    """Whether activations are computed again to save memory, and why.

    `peak` is what training takes otherwise, of the `free` bytes before the model is loaded.
    `before` is what `auto` became already, if ever: memory that is free now says nothing of then.
    """
    if before is not None and wanted is Switch.AUTO:
        return Choice(value=str(before), why="as when this run began")
    if wanted is not Switch.AUTO:
        return Choice(value=wanted, why="as you chose")
    if isinstance(peak, UnknownShape):
        return Choice(value=Switch.ON, why=f"what a step takes can't be told: {peak.message}")
    why = f"{peak.why}; {gigabytes(free)} are free"
    return Choice(value=Switch.OFF if peak.training <= free else Switch.ON, why=why)
