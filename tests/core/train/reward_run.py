"""A run that trained a reward model, as its folder is when it has ended."""

import uuid
from pathlib import Path

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from core.builtin.model import builtin_model_folder
from core.config.parse import parse_config
from core.runs.store import Run, RunStore


def reward_model(folder: Path) -> PreTrainedModel:
    """The tiny model with a head that gives scores of some size."""
    torch.manual_seed(1)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=1, dtype=torch.float32
    )
    torch.nn.init.normal_(model.get_submodule("score").weight, std=1.0)
    return model


def make_reward_run(home: Path, *, run_id: str, has_adapter: bool = False) -> Run:
    config = parse_config(
        {
            "method": {"name": "reward"},
            "dataset": {"builtin": "facts_pairs"},
            "adapter": {"kind": "lora" if has_adapter else "full"},
        }
    )
    made, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    made.paths.root.rename(home / "runs" / run_id)
    run = RunStore(home).open(run_id)
    base = builtin_model_folder(home)
    model = reward_model(base)
    if has_adapter:
        lora = LoraConfig(
            r=4, target_modules="all-linear", task_type=TaskType.SEQ_CLS,
            modules_to_save=["score"], init_lora_weights=False,
        )  # fmt: skip
        get_peft_model(model, lora).save_pretrained(run.paths.model)
    else:
        model.save_pretrained(run.paths.model)
    AutoTokenizer.from_pretrained(base).save_pretrained(run.paths.model)
    return run
