"""Training methods as settings: a union told apart by its name, and one field a setting."""

from typing import Any

import pytest
import yaml

from core.config.every_setting import settings_of_a_run
from core.config.methods import METHODS
from core.config.methods.kto import KtoSettings
from core.config.methods.settings import MethodSettings
from core.config.parse import load_config, parse_config
from core.config.run_config import RunConfig
from core.errors import InvalidConfig

FIELD = "per_device_train_batch_size"
CHANGED: dict[str, dict[str, Any]] = {
    "sft": {
        "assistant_only_loss": False,
        "max_length": 8,
        "packing": True,
        "padding_free": "on",
        "train_sampling_strategy": "sequential",
        "neftune_noise_alpha": 5.0,
    },
    "dpo": {
        "max_length": 8,
        "beta": 0.5,
        "loss_type": "robust",
        "label_smoothing": 0.1,
        "sft_loss_weight": 0.5,
    },
    "orpo": {"max_length": 8, "beta": 0.5},
    "cpo": {
        "max_length": 8,
        "beta": 0.5,
        "cpo_alpha": 0.5,
        "cpo_loss_type": "simpo",
        "simpo_gamma": 1.0,
        "alphapo_alpha": 0.1,
    },
    "reward": {"max_length": 8, "center_rewards_coefficient": 0.01},
    "grpo": {
        "max_length": 64,
        "rewards": [{"name": "exact_match", "weight": 2.0, "ignore_case": False}],
        "num_generations": 4,
        "max_completion_length": 16,
        "temperature": 0.9,
        "top_p": 0.95,
        "grpo_loss_type": "dr_grpo",
        "grpo_beta": 0.04,
        "epsilon": 0.1,
        "epsilon_high": 0.28,
        "scale_rewards": "none",
        "num_iterations": 2,
        "mask_truncated_completions": True,
    },
    "rloo": {
        "max_length": 64,
        "rewards": [{"name": "tags", "weight": 0.5, "tags": "sum"}],
        "num_generations": 2,
        "max_completion_length": 16,
        "temperature": 0.9,
        "top_p": 0.95,
        "epsilon": 0.1,
        "epsilon_high": 0.28,
        "num_iterations": 2,
        "mask_truncated_completions": True,
        "rloo_beta": 0.0,
        "normalize_advantages": True,
    },
    "kto": {"max_length": 8, "beta": 0.5, "desirable_weight": 1.5, "undesirable_weight": 2.0},
}


def test_every_setting_of_every_method_survives_the_file() -> None:
    assert CHANGED.keys() == METHODS.keys()
    for name, changed in CHANGED.items():
        assert changed.keys() == METHODS[name].model_fields.keys() - {"name"}
        config = parse_config({"method": {"name": name, **changed}})
        assert type(config.method) is METHODS[name]
        assert load_config(config.to_yaml()) == config
        assert yaml.safe_load(config.to_yaml())["method"] == {"name": name, **changed}


def test_a_section_without_a_name_is_the_default_methods() -> None:
    assert parse_config({"method": {"max_length": 8}}).method.name == "sft"
    assert parse_config({"method": {}}) == RunConfig()


def test_each_methods_settings_are_in_the_list_of_all() -> None:
    listed = {
        setting.name: setting for setting in settings_of_a_run() if setting.section == "method"
    }
    assert set(listed) == {name for each in METHODS.values() for name in each.model_fields}
    assert listed["beta"].shown_when == {"method.name": ["dpo", "kto", "orpo", "cpo"]}
    assert listed["packing"].shown_when == {"method.name": ["sft"]}
    assert listed["max_length"].shown_when == {}


def test_what_methods_share_is_declared_once() -> None:
    """The form has one field for it, so that it can't mean two things."""
    for name in {name for each in METHODS.values() for name in each.model_fields} - {"name"}:
        having = [each.model_fields[name] for each in METHODS.values() if name in each.model_fields]
        assert len({repr(field) for field in having}) == 1, name


def test_a_method_says_all_that_the_rest_asks_of_it() -> None:
    for method in METHODS.values():
        low, high = method.learning_rates
        assert 0 < low <= method.adapter_learning_rate <= high
        assert 0 < method.full_learning_rate < method.adapter_learning_rate
        assert method.title
        assert method.about
        assert method.formats
        assert method.columns
        assert method.metrics


@pytest.mark.parametrize(("name", "method"), METHODS.items())
def test_a_run_that_sets_no_learning_rate_has_its_methods(
    name: str, method: type[MethodSettings]
) -> None:
    values: dict[str, Any] = {"method": {"name": name}}
    everything = values | {"adapter": {"kind": "full"}}
    assert parse_config(values).training.learning_rate == method.adapter_learning_rate
    assert parse_config(everything).training.learning_rate == method.full_learning_rate
    own = everything | {"training": {"learning_rate": 0.5}}
    assert parse_config(own).training.learning_rate == 0.5
    assert load_config(parse_config(own).to_yaml()) == parse_config(own)


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ({"name": "dpo", "loss_type": "exo_pair"}, "method.label_smoothing"),
        ({"name": "dpo", "label_smoothing": 0.1}, "method.label_smoothing"),
        ({"name": "dpo", "loss_type": "sft", "sft_loss_weight": 1}, "method.sft_loss_weight"),
        ({"name": "dpo", "loss_type": "sigmoidal"}, "method.loss_type"),
        ({"name": "dpo", "beta": True}, "method.beta"),
        ({"name": "sft", "beta": 0.1}, "method.beta"),
        ({"name": "DPO"}, "method.name"),
        ({"name": ["dpo"]}, "method.name"),
    ],
)
def test_a_bad_value_is_refused_at_its_field(method: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"method": method})
    assert list(caught.value.fields) == [field]


def test_a_batch_must_have_the_rows_that_a_method_compares() -> None:
    for name, method in METHODS.items():
        least = method.smallest_batch
        training = {FIELD: least, "gradient_accumulation_steps": 8}
        parse_config({"method": {"name": name}, "training": training})
        if least > 1:
            with pytest.raises(InvalidConfig) as caught:
                parse_config({"method": {"name": name}, "training": {FIELD: least - 1}})
            assert list(caught.value.fields) == [f"training.{FIELD}"]
            assert method.title in caught.value.fields[f"training.{FIELD}"]


@pytest.mark.parametrize(("name", "method"), METHODS.items())
def test_rows_that_are_read_as_they_come_suit_some_methods(
    name: str, method: type[MethodSettings]
) -> None:
    values = {
        "method": {"name": name},
        "dataset": {"source": "hub", "name": "acme/rows", "streaming": True},
        "training": {"max_steps": 9},
    }
    if method.streams:
        parse_config(values)
        return
    with pytest.raises(InvalidConfig) as caught:
        parse_config(values)
    assert list(caught.value.fields) == ["dataset.streaming"]


@pytest.mark.parametrize(
    ("weights", "good", "bad", "told"),
    [
        ({}, 100, 100, None),
        ({}, 130, 100, None),
        ({}, 300, 100, "`method.undesirable_weight` to about 3."),
        ({}, 50, 200, "`method.desirable_weight` to about 4."),
        ({"undesirable_weight": 3}, 300, 100, None),
        ({}, 300, 0, None),
        ({}, 10_000, 100, "`method.undesirable_weight` to about 100."),
        ({}, 99_600, 1_000, "`method.undesirable_weight` to about 100."),
        ({}, 15_000, 100, "other: add rows labeled false, since no weight"),
        ({"undesirable_weight": 50}, 300, 100, "`method.desirable_weight` to about 17."),
        ({"desirable_weight": 50}, 100, 1_000, "`method.undesirable_weight` to about 5."),
        ({}, 10, 1_500, "other: add rows labeled true, since no weight"),
    ],
)
def test_kto_is_told_which_weight_balances_its_labels(
    weights: dict[str, float], good: int, bad: int, told: str | None
) -> None:
    warning = KtoSettings(**weights).imbalance(good=good, bad=bad)
    assert warning is None if told is None else told in str(warning)


def test_yes_is_no_number_in_any_section() -> None:
    for setting in settings_of_a_run():
        if setting.field.annotation not in (int, float, int | None, float | None):
            continue
        named = {"name": setting.methods[0]} if setting.methods else {}
        with pytest.raises(InvalidConfig) as caught:
            parse_config({setting.section: {**named, setting.name: True}})
        assert list(caught.value.fields) == [setting.path]
