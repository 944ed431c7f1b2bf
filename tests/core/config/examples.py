"""Every setting, changed; and what is told of a file that is refused."""

from typing import Any

import pytest

from core.config.every_setting import settings_of_a_run
from core.config.parse import load_config
from core.errors import InvalidConfig

SETTINGS = {setting.path: setting for setting in settings_of_a_run()}

# Each value is another than the default, and zero or nothing wherever that is allowed.
CHANGED: dict[str, dict[str, Any]] = {
    "model": {"name": "acme/base-1.5_b", "revision": "refs/pr/1", "chat_template": "plain"},
    "dataset": {
        "source": "hub", "name": "acme/rows", "files": ["Meine Zeilen (1).csv"], "subset": "on",
        "split": "2026-01-01", "revision": "1e3", "format": "prompt_completion",
        "builtin": "sums", "mix": [{"name": "acme/more", "split": "no", "weight": 0.5}],
    },
    "columns": {
        "messages": "null", "prompt": "Größe: 1", "completion": "- 答え #", "reasoning": "yes",
        "text": "'quoted' \"twice\"", "chosen": "1", "rejected": "~", "label": "{a}\n\n{b}",
        "answer": "#", "history": "no", "tools": "1e3", "system": "Answer in {\"json\": 1}.\n",
        "developer": "[]",
    },
    "filters": {
        "drop_where": "no", "drop_empty": "null", "drop_duplicates": True, "min_length": 1,
        "max_length": 8, "sample": 1, "drop_untrainable": True, "skip_unreadable": True,
    },
    "method": {
        "assistant_only_loss": False, "max_length": 8, "packing": True, "padding_free": "off",
        "train_sampling_strategy": "sequential", "neftune_noise_alpha": 5,
    },
    "adapter": {
        "kind": "full", "lora_r": 1, "lora_alpha": 0.5, "lora_dropout": 0.25,
        "lora_target_modules": "q, v", "init_lora_weights": "pissa", "use_rslora": True,
        "use_dora": True, "modules_to_save": "norm", "trainable_layers": 1,
        "target_parameters": "experts.down_proj",
    },
    "training": {
        "num_train_epochs": 0.001, "max_steps": 1, "learning_rate": 1e-9,
        "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2,
        "optim": "sgd", "weight_decay": 1.0, "max_grad_norm": 0, "seed": 0, "logging_steps": 2,
        "save_steps": 1, "save_total_limit": 1, "load_best_model_at_end": True,
        "early_stopping_patience": 1, "early_stopping_threshold": 0.5,
    },
    "schedule": {
        "lr_scheduler_type": "greedy", "warmup_steps": 0, "num_cycles": 1e-3, "min_lr_rate": 0,
        "warmup_lr_rate": 0,
        "power": 0.5, "lr_end": 0, "timescale": 1, "decay_steps": 1, "warmup_type": "1-sqrt",
        "decay_type": "linear", "factor": 0.9, "patience": 0, "min_lr": 1e-12, "max_lr": 1.0,
    },
    "evaluation": {
        "split": "validation", "files": ["held out.csv"], "fraction": 0, "eval_steps": 1,
        "max_eval_samples": 1,
    },
    "output": {
        "name": "1.0", "push_to_hub": True, "owner": "0x10", "hub_private_repo": False,
        "replace": True,
        "pull_request": True,
        "weights": "both", "sync_checkpoints": True, "auto_resume": True, "pause_space": True,
        "tracking": "trackio",
    },
    "hardware": {"precision": "bfloat16", "gradient_checkpointing": "off", "fused_lm_head": "off"},
}  # fmt: skip


def refused(text: str) -> dict[str, str]:
    """The messages by field of a YAML that must be refused."""
    with pytest.raises(InvalidConfig) as caught:
        load_config(text)
    assert all(message.strip() for message in caught.value.fields.values())
    return caught.value.fields
