"""Messages of core name settings and values as a file has them; the page calls them as it does."""

import re
from functools import cache

from core.config.allowed_values import choices
from core.config.every_setting import Setting, settings_of_a_run
from core.config.run_config import RunConfig
from interface.display import words

_NAME = re.compile(r"`([a-z0-9_-]+(?:\.[a-z_]+)?)`")


def with_labels(text: str) -> str:
    """The text with each `section.name` of a setting as its label, and where the page has it.

    A `value` of a setting becomes what its menu shows. What is in backticks and is neither stays
    as it is.
    """
    return _NAME.sub(lambda name: _labels().get(name[1], name[0]), text)


def setting_label(path: str) -> str:
    """What the field of the setting with this path is called."""
    return _setting(path).label


def setting_value(path: str, value: str | float | None) -> str:
    """What a setting of a run's file is set to, as a person reads it."""
    match value:
        case None:
            return "empty"
        case bool():
            return "On" if value else "Off"
        case str():
            return words.choice(value) if choices(_setting(path)) else value
        case _:
            return f"{value:g}"


def _setting(path: str) -> Setting:
    return next(setting for setting in settings_of_a_run() if setting.path == path)


@cache
def _labels() -> dict[str, str]:
    """By path, and by value. Every message of every tick asks."""
    settings = list(settings_of_a_run())
    values = {value for setting in settings for value in choices(setting)}
    named = {value: f"“{words.choice(value)}”" for value in values}
    return named | {setting.path: _label(setting) for setting in settings}


def _label(setting: Setting) -> str:
    # What is basic is in view.
    if setting.basic:
        return f"“{setting.label}”"
    section = RunConfig.model_fields[setting.section].title
    return f"“{setting.label}” (Advanced settings, {section})"
