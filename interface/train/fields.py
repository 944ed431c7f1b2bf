"""A setting as something to fill in: its type decides which component it becomes."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, get_origin

import gradio as gr
from gradio.components import Component

from core.builtin.datasets import builtin_datasets_for
from core.config.allowed_values import bounds, choices, value_type
from core.config.builtin_names import BUILTIN_MODEL
from core.config.every_setting import Setting
from core.config.lines import Line
from core.config.methods import DEFAULT_METHOD, METHODS
from core.config.proposed_name import proposed_name
from core.config.run_config import RunConfig
from interface.display import words
from interface.display.setting_labels import with_labels

# A start for those who look around; any other model of the Hub can be typed.
MODELS = (
    BUILTIN_MODEL,
    "HuggingFaceTB/SmolLM2-360M-Instruct",
    "HuggingFaceTB/SmolLM2-1.7B-Instruct",
    "HuggingFaceTB/SmolLM3-3B",
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
)
WIDE = (
    "model.name", "dataset.source", "dataset.name", "dataset.files", "dataset.mix",
    "evaluation.files", "method.name", "method.rewards", "adapter.kind",
)  # fmt: skip
# What the model will see depends on these sections; the page's script knows them by their class.
LOOKED_AT = ("model", "dataset", "columns", "filters", "method", "evaluation")
# Menus of what there is, filled when the Hub or the data have been looked at.
FILES = ("dataset.files", "evaluation.files")
COLUMN_MENUS = ("filters.drop_where", "filters.drop_empty")
SUBSET_MENU, SPLIT_MENUS = "dataset.subset", ("dataset.split", "evaluation.split")
FILE_TYPES = [".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".tsv", ".txt"]
LEARNING_RATE, BUILTIN = "training.learning_rate", "dataset.builtin"
METHOD = "method.name"
# More choices than these are easier to find in a list.
MAX_RADIO_CHOICES = 3


def component_name(setting: Setting) -> str:
    """The name of a setting's component, which is also its name in the API."""
    return f"{setting.section}__{setting.name}"


def element_id(path: str) -> str:
    """The id in the page of the setting with this path ("training.num_train_epochs")."""
    return "field-" + path.replace(".", "-")


def build(setting: Setting, *, visible: bool) -> Component:
    """Make the component of a setting, with its label, help, bounds and default."""
    shared: dict[str, Any] = {
        "label": setting.label,
        "visible": visible,
        "elem_id": element_id(setting.path),
        "elem_classes": _classes(setting),
        "interactive": True,
    }
    if setting.path in FILES:
        return gr.File(file_count="multiple", file_types=FILE_TYPES, height=140, **shared)
    shared |= {"value": default(setting), "info": help_text(setting)}
    if setting.path == "model.name":
        models = [(words.model(name), name) for name in MODELS]
        return gr.Dropdown(choices=models, allow_custom_value=True, filterable=True, **shared)
    if setting.path == "dataset.name" or is_menu_of_the_data(setting):
        return gr.Dropdown(choices=[], allow_custom_value=True, **shared)
    if is_lines(setting):
        example = None if shared["value"] else "owner/name weight=0.5"
        return gr.Textbox(lines=3, max_lines=8, placeholder=example, **shared)
    values = choices(setting)
    if setting.path == BUILTIN:
        values = builtin_datasets_for(DEFAULT_METHOD)
    if values:
        pairs = named(values)
        # Each method says in its name what it learns from.
        most = len(values) if setting.path == METHOD else MAX_RADIO_CHOICES
        many = len(values) > most or len(values) == 1
        return gr.Dropdown(choices=pairs, **shared) if many else gr.Radio(choices=pairs, **shared)
    kind = value_type(setting)
    if kind is bool:
        return gr.Checkbox(**shared)
    if kind in (int, float) and default(setting) is not None:
        # No bounds here: Gradio would answer with a passing toast, not with words at the field.
        return gr.Number(**shared)
    # A number that may be left out is text too: an empty gr.Number is drawn as 0, and half a number
    # in it is silently none.
    shared["value"] = default(setting) or ""
    return gr.Textbox(max_lines=1, placeholder=_placeholder(setting), **shared)


def named(values: Iterable[str]) -> list[tuple[str, str]]:
    """Values to choose from, each after its name."""
    return [(words.choice(value), value) for value in values]


def is_menu_of_the_data(setting: Setting) -> bool:
    """Whether what there is to choose from is known when the data has been looked at."""
    menus = (SUBSET_MENU, *SPLIT_MENUS, *COLUMN_MENUS)
    return setting.section == "columns" or setting.path in menus


def is_lines(setting: Setting) -> bool:
    """Whether it is a list that a person writes line by line."""
    kind = value_type(setting)
    return get_origin(kind) is tuple and setting.path not in FILES


def lines(value: Iterable[Line]) -> str:
    return "\n".join(each.line for each in value)


def default(setting: Setting) -> Any:
    value = setting.field.default
    if is_lines(setting):
        return lines(value) or None
    if isinstance(value, tuple) or setting.path == LEARNING_RATE:
        # Files of a person's. A rate that is left empty is the method's.
        return None
    return value.value if isinstance(value, StrEnum) else value


def shown(setting: Setting, value: Any) -> str:
    """A value as its field shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if choices(setting) or setting.path == BUILTIN:
        return words.choice(value)
    if setting.path == "model.name":
        return words.model(value)
    if isinstance(value, int):
        return words.count(value)
    if isinstance(value, tuple):
        return setting.text(value)
    return words.number(value) if isinstance(value, float) else str(value)


def _classes(setting: Setting) -> list[str]:
    named = {"wide": setting.path in WIDE, "looked-at": setting.section in LOOKED_AT}
    return ["field", *(name for name, has in named.items() if has)]


def help_text(setting: Setting) -> str:
    """The help of a setting, followed by its bounds and default where it has them."""
    if setting.path == METHOD:
        return about(default(setting))
    parts = [*_bounds(setting), *_default_words(setting)]
    described = with_labels(str(setting.field.description))
    return f"{described} ({', '.join(parts)})" if parts else described


def about(method: str) -> str:
    """When to use a training method, and which data it wants."""
    if method not in METHODS:
        return ""
    described = METHODS[method]
    rates = (described.adapter_learning_rate, described.full_learning_rate)
    lora, full = map(words.number, rates)
    return f"{described.about} Learning rate by default: {lora} for LoRA, {full} for all weights."


def _placeholder(setting: Setting) -> str | None:
    if setting.path == "output.name":
        return proposed_name(RunConfig())
    if setting.path == LEARNING_RATE:
        return words.number(RunConfig().training.learning_rate)
    return "not set" if setting.field.default is None else None


def _bounds(setting: Setting) -> list[str]:
    low, high = bounds(setting)
    if low is None or high is None:
        return []
    least = words.number(low.value) if low.inclusive else f"above {words.number(low.value)}"
    most = _large(high.value) if high.inclusive else f"below {_large(high.value)}"
    return [f"{least} to {most}"]


def _large(value: float) -> str:
    return words.count(int(value)) if value == int(value) else words.number(value)


def _default_words(setting: Setting) -> list[str]:
    value = default(setting)
    if value is None or value_type(setting) is bool or not _bounds(setting):
        return []
    return [f"default {words.number(float(value))}"]
