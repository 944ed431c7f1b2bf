"""Older versions of a run's file, read as if they were written today."""

from collections.abc import Mapping
from typing import Any

from core.config.run_config import VERSION

# What settings were called in version 1, by section. The names on the right are those of TRL's and
# transformers' arguments, where they have one.
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "dataset": {"shape": "format"},
    "filters": {
        "unreadable": "skip_unreadable",
        "duplicates": "drop_duplicates",
        "untrainable": "drop_untrainable",
    },
    "method": {"answers_only": "assistant_only_loss"},
    "adapter": {
        "rank": "lora_r",
        "alpha": "lora_alpha",
        "dropout": "lora_dropout",
        "target_modules": "lora_target_modules",
    },
    "training": {
        "epochs": "num_train_epochs",
        "batch_size": "per_device_train_batch_size",
        "accumulation": "gradient_accumulation_steps",
        "optimizer": "optim",
        "log_every": "logging_steps",
        "save_every": "save_steps",
        "keep_checkpoints": "save_total_limit",
    },
    "schedule": {"kind": "lr_scheduler_type", "warmup": "warmup_steps"},
    "evaluation": {"every": "eval_steps", "max_rows": "max_eval_samples"},
    "output": {
        "push": "push_to_hub",
        "private": "hub_private_repo",
        "safekeeping": "sync_checkpoints",
        "resume_by_itself": "auto_resume",
    },
    "hardware": {"number_format": "precision"},
}
_FORMATS = {"rated": "unpaired_preference", "prompts": "prompt_only"}
# Columns were settings of the dataset before any format but these three could be read.
_COLUMNS = {f"{part}_column": part for part in ("messages", "prompt", "completion", "text")}


def migrate(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a file of any version that was ever written, under today's names.

    A file that names no version is of version 1 where it has a setting that has another name since.
    What is not of a known older version comes back as it is, for validation to judge.
    """
    version = values.get("version", 1 if _has_old_names(values) else VERSION)
    return _from_version_1(values) if version == 1 and version is not True else values


def _has_old_names(values: Mapping[str, Any]) -> bool:
    return any(
        isinstance(given, dict) and not _RENAMED.get(section, {}).keys().isdisjoint(given)
        for section, given in values.items()
    )


def renamed(path: str) -> str | None:
    """What a setting of version 1 is called today, by its path; None where it kept its name."""
    section, _, name = path.partition(".")
    new = _RENAMED.get(section, {}).get(name)
    return f"{section}.{new}" if new else None


def migrate_section(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one section, which was stored without its version, under today's names."""
    return _renamed(values, _RENAMED.get(section, {}))


def _from_version_1(values: Mapping[str, Any]) -> dict[str, Any]:
    migrated = {
        section: _renamed(given, _RENAMED.get(section, {})) if isinstance(given, dict) else given
        for section, given in values.items()
    }
    dataset = migrated.get("dataset")
    if isinstance(dataset, dict):
        named = {part: dataset.pop(old) for old, part in _COLUMNS.items() if old in dataset}
        columns = migrated.get("columns") or {}
        # What is no section is told when it is validated.
        if named and isinstance(columns, dict):
            migrated["columns"] = named | columns
        if "file" in dataset:
            file = dataset.pop("file")
            dataset.setdefault("files", [file] if file else [])
        if isinstance(dataset.get("format"), str):
            dataset["format"] = _FORMATS.get(dataset["format"], dataset["format"])
    return migrated | {"version": VERSION}


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Under today's names, but for what stands there under both: validation tells of that."""
    twice = {old for old, new in names.items() if old in given and new in given}
    return {
        name if name in twice else names.get(name, name): value for name, value in given.items()
    }
