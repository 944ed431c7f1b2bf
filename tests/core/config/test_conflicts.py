"""Settings that are right each by itself and do not go together."""

from typing import Any

import pytest

from core.config.parse import load_config, parse_config
from core.errors import InvalidConfig

HUB = {"source": "hub", "name": "acme/rows"}

CONFLICTS: list[tuple[dict[str, Any], str]] = [
    ({"dataset": {"source": "hub"}}, "dataset.name"),
    ({"dataset": {"source": "upload"}}, "dataset.files"),
    ({"dataset": {**HUB, "format": "text"}}, "method.assistant_only_loss"),
    (
        {
            "dataset": HUB,
            "evaluation": {"fraction": 0},
            "schedule": {"lr_scheduler_type": "reduce_lr_on_plateau"},
        },
        "schedule.lr_scheduler_type",
    ),
    (
        {
            "dataset": HUB,
            "evaluation": {"fraction": 0},
            "schedule": {"lr_scheduler_type": "greedy"},
        },
        "schedule.lr_scheduler_type",
    ),
    *(
        ({"dataset": HUB, "evaluation": {"fraction": 0}, "training": wants}, f"training.{field}")
        for field, wants in {
            "early_stopping_patience": {"early_stopping_patience": 3},
            "load_best_model_at_end": {"load_best_model_at_end": True},
        }.items()
    ),
    (
        {
            "training": {"learning_rate": 0.1},
            "schedule": {"lr_scheduler_type": "polynomial", "lr_end": 0.1},
        },
        "schedule.lr_end",
    ),
    (
        {
            "training": {"learning_rate": 0.1},
            "schedule": {"lr_scheduler_type": "greedy", "min_lr": 0.2},
        },
        "schedule.min_lr",
    ),
    ({"dataset": HUB, "evaluation": {"split": "train"}}, "evaluation.split"),
    (
        {"schedule": {"lr_scheduler_type": "cosine_with_restarts", "num_cycles": 1.5}},
        "schedule.num_cycles",
    ),
    ({"adapter": {"lora_target_modules": "q_proj,,v_proj"}}, "adapter.lora_target_modules"),
    ({"adapter": {"lora_target_modules": " "}}, "adapter.lora_target_modules"),
    ({"adapter": {"lora_target_modules": "all-linear, wte"}}, "adapter.lora_target_modules"),
    ({"method": {"name": "dpo"}, "adapter": {"lora_dropout": 0.05}}, "adapter.lora_dropout"),
    (
        {"method": {"name": "reward"}, "adapter": {"init_lora_weights": "olora"}},
        "adapter.init_lora_weights",
    ),
    (
        {"method": {"name": "rloo"}, "adapter": {"init_lora_weights": "pissa"}},
        "adapter.init_lora_weights",
    ),
    (
        {
            "method": {"name": "grpo", "grpo_beta": 0.1},
            "adapter": {"init_lora_weights": "pissa"},
        },
        "adapter.init_lora_weights",
    ),
    (
        {"method": {"name": "dpo"}, "adapter": {"init_lora_weights": "pissa"}},
        "adapter.init_lora_weights",
    ),
    ({"adapter": {"init_lora_weights": "olora", "use_dora": True}}, "adapter.init_lora_weights"),
    *(
        ({"model": {"quantization": bits}, "adapter": {"kind": "full"}}, "model.quantization")
        for bits in ("4bit", "8bit")
    ),
    (
        {"model": {"quantization": "4bit"}, "adapter": {"init_lora_weights": "pissa"}},
        "adapter.init_lora_weights",
    ),
    *(
        ({"adapter": {"target_parameters": "all-experts", name: value}}, f"adapter.{name}")
        for name, value in (
            ("lora_dropout", 0.1),
            ("use_dora", True),
            ("init_lora_weights", "gaussian"),
        )
    ),
    (
        {"model": {"quantization": "4bit"}, "adapter": {"target_parameters": "all-experts"}},
        "adapter.target_parameters",
    ),
    (
        {"model": {"quantization": "8bit"}, "adapter": {"use_dora": True}},
        "adapter.use_dora",
    ),
    (
        {"adapter": {"init_lora_weights": "pissa_niter_4", "modules_to_save": "lm_head"}},
        "adapter.modules_to_save",
    ),
    ({"adapter": {"init_lora_weights": "orthogonal", "lora_r": 3}}, "adapter.lora_r"),
    (
        {"adapter": {"lora_target_modules": "q_proj, wte", "modules_to_save": "wte"}},
        "adapter.modules_to_save",
    ),
    *(
        (
            {"method": {"train_sampling_strategy": "group_by_length", **without}},
            "method.train_sampling_strategy",
        )
        for without in ({"packing": True}, {"padding_free": "on"})
    ),
    ({"method": {"neftune_noise_alpha": 5, "padding_free": "on"}}, "method.padding_free"),
    (
        {
            "dataset": {**HUB, "streaming": True},
            "training": {"max_steps": 9},
            "method": {"train_sampling_strategy": "group_by_length"},
        },
        "method.train_sampling_strategy",
    ),
    ({"dataset": {"mix": ["acme/rows"]}}, "dataset.mix"),
    ({"dataset": {"source": "upload", "files": ["a.csv", "a.csv"]}}, "dataset.files"),
    (
        {
            "dataset": {"source": "upload", "files": ["a.csv"]},
            "evaluation": {"files": ["a.csv"]},
        },
        "evaluation.files",
    ),
    ({"dataset": {**HUB, "streaming": True}}, "training.max_steps"),
    (
        {
            "dataset": {**HUB, "streaming": True},
            "training": {"max_steps": 9},
            "filters": {"sample": 5},
        },
        "filters.sample",
    ),
    (
        {
            "training": {"learning_rate": 0.1},
            "schedule": {"lr_scheduler_type": "greedy", "max_lr": 0.05},
        },
        "schedule.max_lr",
    ),
]


@pytest.mark.parametrize(("values", "field"), CONFLICTS)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(values)
    assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    "values",
    [
        {"dataset": HUB},
        {"dataset": {"source": "upload", "files": ["mine.csv"]}},
        {"dataset": {**HUB, "format": "text"}, "method": {"assistant_only_loss": False}},
        {"dataset": HUB, "schedule": {"lr_scheduler_type": "greedy"}},
        {
            "dataset": HUB,
            "evaluation": {"fraction": 0, "split": "test"},
            "schedule": {"lr_scheduler_type": "reduce_lr_on_plateau"},
        },
        {"evaluation": {"fraction": 0}, "schedule": {"lr_scheduler_type": "greedy"}},
        {
            "training": {"learning_rate": 0.1},
            "schedule": {"lr_scheduler_type": "polynomial", "lr_end": 0.09},
        },
        {
            "training": {"learning_rate": 1e-9},
            "schedule": {"lr_scheduler_type": "linear", "lr_end": 0.1},
        },
        {"schedule": {"lr_scheduler_type": "cosine_with_restarts", "num_cycles": 2.0}},
        {"schedule": {"lr_scheduler_type": "cosine", "num_cycles": 1.5}},
        {"adapter": {"kind": "full", "lora_target_modules": ","}},
        {"method": {"neftune_noise_alpha": 5}},
        {"model": {"quantization": "4bit"}, "adapter": {"use_dora": True}},
        {"method": {"train_sampling_strategy": "group_by_length"}},
        {"adapter": {"lora_dropout": 0.05}},
        {"method": {"name": "dpo"}, "adapter": {"kind": "full", "lora_dropout": 0.05}},
        {"method": {"name": "orpo"}, "adapter": {"init_lora_weights": "pissa"}},
        {"method": {"name": "dpo"}, "adapter": {"kind": "full", "init_lora_weights": "pissa"}},
    ],
)
def test_what_does_go_together_is_taken(values: dict[str, Any]) -> None:
    assert load_config(parse_config(values).to_yaml()) == parse_config(values)
