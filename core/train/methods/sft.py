"""Supervised fine-tuning with TRL's SFTTrainer."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, Trainer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl import SFTConfig

from core.config.options import Precision, Switch
from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.runs.store import Run
from core.train.callbacks import Reporter
from core.train.methods.base import RunTrainer
from core.train.schedule import schedule_arguments
from core.train.tokens.load import Data

# Below this the activations of a step may not fit beside the weights.
ROOMY_BYTES = 8 * 1024**3


@dataclass(frozen=True)
class PreparedTrainer:
    trainer: Trainer
    choices: dict[str, Choice]


def make_trainer(
    config: RunConfig,
    *,
    run: Run,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    data: Data,
    precision: str,
    reporter: Reporter,
) -> PreparedTrainer:
    """A trainer for data that is tokens already, with the labels of what is not learned masked."""
    checkpointing = _gradient_checkpointing(config.hardware.gradient_checkpointing)
    trainer = RunTrainer(
        model=model,
        args=SFTConfig(
            **_arguments(config, run=run, evaluates=data.evaluation is not None),
            bf16=precision == Precision.BFLOAT16,
            fp16=precision == Precision.FLOAT16,
            activation_checkpointing=checkpointing.value == Switch.ON,
        ),
        processing_class=tokenizer,
        train_dataset=data.train,
        eval_dataset=data.evaluation,
        callbacks=[reporter],
    )
    return PreparedTrainer(trainer=trainer, choices={"gradient_checkpointing": checkpointing})


def _arguments(config: RunConfig, *, run: Run, evaluates: bool) -> dict[str, Any]:
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
        "save_steps": training.save_steps,
        "save_total_limit": training.save_total_limit,
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": config.evaluation.eval_steps,
        "max_length": config.method.max_length,
        "packing": config.method.packing,
        "report_to": "none",
        "use_cpu": not torch.accelerator.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "save_strategy": "steps",
        **schedule_arguments(config.schedule, peak=training.learning_rate),
    }


def _gradient_checkpointing(wanted: Switch) -> Choice:
    if wanted is not Switch.AUTO:
        return Choice(value=wanted, why="as you chose")
    free = _free_memory()
    why = f"{free / 1024**3:.0f} GB are free"
    return Choice(value=Switch.OFF if free >= ROOMY_BYTES else Switch.ON, why=why)


def _free_memory() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    from core.machine.hardware import devices

    return devices()[0].memory_free
