"""Files of older versions are read as if they were written today."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.config.output import OutputSection
from core.config.parse import load_config, parse_config
from core.errors import InvalidConfig
from core.runs.paths import RunPaths
from core.runs.store import Run
from tests.core.config.examples import CHANGED

VERSION_1 = (Path(__file__).parent / "version_1.yaml").read_text(encoding="utf-8")

# Settings that version 1 did not have.
LATER = {
    "columns": {"history"}, "output": {"replace"},
    "method": {"padding_free", "train_sampling_strategy", "neftune_noise_alpha"},
    "hardware": {"fused_lm_head"},
    "adapter": {"init_lora_weights", "use_rslora", "use_dora", "modules_to_save",
                "trainable_layers", "target_parameters"},
    "training": {
        "load_best_model_at_end", "early_stopping_patience", "early_stopping_threshold",
    },
}  # fmt: skip


def test_every_setting_of_version_1_is_read() -> None:
    known = {
        section: {name: given for name, given in values.items() if name not in LATER[section]}
        for section, values in CHANGED.items()
        if section in LATER
    }
    assert load_config(VERSION_1) == parse_config(CHANGED | known)


def test_a_file_that_names_no_version_is_read_by_its_names() -> None:
    old = {"training": {"batch_size": 2, "save_every": 4}}
    assert parse_config(old) == parse_config({"version": 1, **old})
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"version": 2, **old})
    assert "training.batch_size" in caught.value.fields


@pytest.mark.parametrize("version", [{}, {"version": 1}])
def test_a_setting_under_both_of_its_names_is_told(version: dict[str, int]) -> None:
    twice = {"training": {"batch_size": 2, "per_device_train_batch_size": 8}}
    with pytest.raises(InvalidConfig) as caught:
        parse_config(version | twice)
    assert caught.value.fields.keys() == {"training.batch_size"}


@pytest.mark.parametrize(
    ("old", "today"),
    [
        (
            {"dataset": {"source": "upload", "file": "a.csv", "prompt_column": "p"}},
            {
                "dataset": {"source": "upload", "files": ["a.csv"]},
                "columns": {"prompt": "p"},
            },
        ),
        (
            {"dataset": {"file": None, "messages_column": None, "completion_column": None}},
            {"dataset": {"files": []}},
        ),
        (
            {"dataset": {"text_column": "t"}, "columns": {"system": "s"}},
            {"columns": {"text": "t", "system": "s"}},
        ),
        ({"dataset": {"shape": "rated"}}, {"dataset": {"format": "unpaired_preference"}}),
        ({"dataset": {"shape": "prompts"}}, {"dataset": {"format": "prompt_only"}}),
    ],
)
def test_what_version_1_said_otherwise_is_read(old: dict[str, Any], today: dict[str, Any]) -> None:
    assert parse_config({"version": 1, **old}) == parse_config(today)


def test_a_bad_value_of_version_1_is_told_under_todays_name() -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_config("version: 1\ntraining: {batch_size: many, speed: 1}\nmodel: 5\n")
    assert caught.value.fields.keys() == {
        "training.per_device_train_batch_size", "training.speed", "model",
    }  # fmt: skip


@pytest.mark.parametrize("columns", ["foo", ["x"], 3])
def test_columns_of_version_1_that_are_no_section_are_told(columns: Any) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config({"version": 1, "dataset": {"messages_column": "m"}, "columns": columns})
    assert "columns" in caught.value.fields


def test_a_name_of_version_1_in_a_file_of_version_2_is_refused_with_the_new_one() -> None:
    with pytest.raises(InvalidConfig) as caught:
        load_config("version: 2\ntraining: {epochs: 3}\n")
    assert "training.num_train_epochs" in caught.value.fields["training.epochs"]


def test_what_version_1_left_in_a_runs_folder_is_read(tmp_path: Path) -> None:
    run = Run(id=tmp_path.name, paths=RunPaths(tmp_path))
    run.paths.resolved.write_text("number_format: bfloat16\nrows: '3'\n", encoding="utf-8")
    run.paths.push.write_text(
        json.dumps({"name": "bot", "push": True, "private": False, "safekeeping": True}), "utf-8"
    )
    run.paths.config.write_text(VERSION_1, encoding="utf-8")
    assert run.resolved() == {"precision": "bfloat16", "rows": "3"}
    assert run.output() == OutputSection(
        name="bot", push_to_hub=True, hub_private_repo=False, sync_checkpoints=True
    )
    assert yaml.safe_load(run.config().to_yaml())["version"] == 2
