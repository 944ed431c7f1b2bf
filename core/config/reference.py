"""The reference of all settings: docs/settings.md is made by `python -m core settings`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, get_args, get_origin

from core.config.allowed_values import bounds, choices, value_type
from core.config.data import Mixed
from core.config.every_setting import Setting, settings_of_a_run
from core.config.methods import METHODS
from core.config.rewards import REWARDS, AnyReward

INTRODUCTION = """\
# Settings

<!-- Generated. To update it: python -m core settings > docs/settings.md -->

Every setting of a run, by the section of its YAML file. A file needs only `version: 2` and the
settings that differ from their defaults; unknown names and wrong values are errors. Settings marked
*basic* are in the form's main view, the others under Advanced settings.
`python -m core schema` prints the same as a JSON Schema.
"""
HEADER = "| Setting | Label | Values | Default | | Description |\n|---|---|---|---|---|---|\n"
BY_METHOD = "by method"
METHODS_HEADER = """
## Training methods

What `method.name` stands for. The learning rates are those of a run that sets none.

"""
REWARDS_HEADER = """
## Rewards

What `method.rewards` lists, each with a `weight` and settings of its own, as a section or on one
line: `length max=20 weight=0.5`.

"""
TYPES = {bool: "true or false", int: "integer", float: "number", str: "text"}


@dataclass(frozen=True)
class SettingReference:
    """What the reference says of one setting."""

    path: str
    label: str
    values: str
    default: Any
    basic: bool
    shown_when: dict[str, list[str | bool]]
    help: str


def setting_references() -> Iterator[SettingReference]:
    """All settings, in the order of the file."""
    for setting in settings_of_a_run():
        yield SettingReference(
            path=setting.path,
            label=setting.label,
            values=_values(setting),
            default=BY_METHOD if setting.follows_method else _default(setting),
            basic=setting.basic,
            shown_when=setting.shown_when,
            help=str(setting.field.description),
        )


def reference_page() -> str:
    """All settings as a page of Markdown, with a table for each section."""
    sections = groupby(setting_references(), key=lambda setting: setting.path.split(".")[0])
    tables = [f"\n## {name}\n\n{HEADER}{_rows(settings)}" for name, settings in sections]
    listed = [METHODS_HEADER, *_method_rows(), REWARDS_HEADER, *_reward_rows()]
    return INTRODUCTION + "".join(tables) + "".join(listed)


def _values(setting: Setting) -> str:
    if named := choices(setting):
        return ", ".join(f"`{value}`" for value in named)
    kind = value_type(setting)
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return {Mixed: "list of datasets", AnyReward: "list of rewards"}.get(
            inner, "list of file names"
        )
    low, high = bounds(setting)
    limits = [f"{'≥' if low.inclusive else '>'} {low.value:,}"] if low else []
    limits += [f"{'≤' if high.inclusive else '<'} {high.value:,}"] if high else []
    return ", ".join([TYPES[kind], *limits])


def _default(setting: Setting) -> Any:
    value = setting.field.default
    if isinstance(value, tuple):
        return setting.text(value) or None
    return value.value if isinstance(value, StrEnum) else value


def _rows(settings: Iterable[SettingReference]) -> str:
    rows = []
    for setting in settings:
        cells = [
            f"`{setting.path}`", setting.label, setting.values, _default_text(setting.default),
            "basic" if setting.basic else "", f"{setting.help}{_condition(setting)}",
        ]  # fmt: skip
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n")
    return "".join(rows)


def _method_rows() -> Iterator[str]:
    for name, method in METHODS.items():
        formats = ", ".join(f"`{format.value}`" for format in method.formats)
        rates = f"{method.adapter_learning_rate:g} for LoRA, {method.full_learning_rate:g} for all"
        yield f"- `{name}`: {method.about} Formats: {formats}. Learning rates: {rates}.\n"


def _reward_rows() -> Iterator[str]:
    for name, reward in REWARDS.items():
        own = [key for key in reward.model_fields if key not in ("name", "weight")]
        named = f" ({', '.join(f'`{key}`' for key in own)})" if own else ""
        compared = " Compares with the reference answer." if reward.needs_answer else ""
        yield f"- `{name}`{named}, {reward.span()}: {reward.about()}{compared}\n"


def _default_text(value: Any) -> str:
    match value:
        case None | ():
            return ""
        case _ if value == BY_METHOD:
            return BY_METHOD
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`"


def _condition(setting: SettingReference) -> str:
    conditions = []
    for path, values in setting.shown_when.items():
        *others, last = [f"`{str(value).lower() if value is True else value}`" for value in values]
        named = f"{', '.join(others)} or {last}" if others else last
        conditions.append(f"`{path}` is {named}")
    return f" Applies when {' and '.join(conditions)}." if conditions else ""
