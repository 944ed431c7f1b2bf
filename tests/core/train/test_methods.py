"""Each method learns exactly as a plain script over TRL's own trainer does, on the same rows."""

import json
from pathlib import Path
from typing import Any

import pytest
import trl
import yaml
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.builtin.datasets import builtin_dataset_files
from core.builtin.model import builtin_model_folder
from core.config.methods import METHODS
from core.config.parse import parse_config
from core.machine.source_tree import TEMPLATES
from tests.command_line import CommandLine

MARKED = TEMPLATES / "chat_templates" / "smollm2_training.jinja"
STEPS, MAX_LENGTH = 6, 192
# What a script says for the settings that RUN has; all others are TRL's defaults and ours.
SHARED: dict[str, Any] = {
    "max_steps": STEPS,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "learning_rate": 0.01,
    "lr_scheduler_type": "linear",
    "logging_steps": 1,
    "max_length": MAX_LENGTH,
    "report_to": "none",
    # TRL's defaults are bfloat16, which this processor computes slowly, and the fused optimizer.
    "bf16": False,
    "optim": "adamw_torch",
    "use_cpu": True,
    "save_strategy": "no",
    "activation_checkpointing": False,
    "seed": 42,
}
RUN = """
version: 2
training: {max_steps: 6, per_device_train_batch_size: 2, gradient_accumulation_steps: 2,
  learning_rate: 0.01, seed: 42}
schedule: {lr_scheduler_type: linear, warmup_steps: 0}
evaluation: {eval_steps: 1000, max_eval_samples: 2}
hardware: {precision: float32, gradient_checkpointing: 'off'}
output: {name: bot}
"""
METHOD_RUNS: dict[str, dict[str, Any]] = {
    "sft": {
        "dataset": {"builtin": "facts_to_json"},
        "method": {"name": "sft", "max_length": MAX_LENGTH},
    },
    "sft with TRL's head": {
        "dataset": {"builtin": "facts_to_json"},
        "method": {"name": "sft", "max_length": MAX_LENGTH},
        "hardware": {
            "precision": "float32",
            "gradient_checkpointing": "off",
            "fused_lm_head": "off",
        },
    },
    "dpo": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": MAX_LENGTH, "beta": 0.2},
    },
    "dpo with all weights": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": MAX_LENGTH, "loss_type": "ipo"},
        "adapter": {"kind": "full"},
    },
}


def trl_trainer(name: str, *, model: Path, out: Path) -> Any:
    """What somebody writes who uses TRL alone."""
    shared: dict[str, Any] = {
        "model": AutoModelForCausalLM.from_pretrained(model, dtype="float32"),
        "processing_class": AutoTokenizer.from_pretrained(model),
        "train_dataset": rows(METHOD_RUNS[name]["dataset"]["builtin"]),
        "peft_config": None
        if name.endswith("all weights")
        else LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    }
    method = METHOD_RUNS[name]["method"]
    if method["name"] == "sft":
        args = trl.SFTConfig(output_dir=str(out), assistant_only_loss=True, **SHARED)
        # A script over a model whose template marks no answers must bring one that does.
        shared["processing_class"].chat_template = MARKED.read_text(encoding="utf-8")
        return trl.SFTTrainer(args=args, **shared)
    special = {key: method[key] for key in ("beta", "loss_type") if key in method}
    return trl.DPOTrainer(args=trl.DPOConfig(output_dir=str(out), **SHARED, **special), **shared)


def rows(builtin: str) -> Dataset:
    lines = builtin_dataset_files(builtin)["train"].read_text(encoding="utf-8").splitlines()
    return Dataset.from_list([json.loads(line) for line in lines])


def test_every_method_is_compared() -> None:
    assert {run["method"]["name"] for run in METHOD_RUNS.values()} == METHODS.keys()


@pytest.mark.parametrize("name", METHOD_RUNS)
def test_losses_are_those_of_a_plain_script(
    command_line: CommandLine, tmp_path: Path, name: str
) -> None:
    config = parse_config({**yaml.safe_load(RUN), **METHOD_RUNS[name]})
    run = command_line.start(config.to_yaml())
    assert command_line.wait(run)["state"] == "done", command_line.log(run)
    model = builtin_model_folder(command_line.home)
    trainer = trl_trainer(name, model=model, out=tmp_path / "plain")
    trainer.train()
    plain = {log["step"]: log["loss"] for log in trainer.state.log_history if "loss" in log}
    assert len(plain) == STEPS
    assert command_line.losses(run) == pytest.approx(plain, rel=1e-5, abs=1e-6)
