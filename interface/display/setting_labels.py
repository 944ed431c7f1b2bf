"""Messages of core name a setting by its path; the page calls it what its field is called."""

import re
from functools import cache

from core.config.every_setting import Setting, settings_of_a_run
from core.config.run_config import RunConfig

_PATH = re.compile(r"`([a-z_]+\.[a-z_]+)`")


def with_labels(text: str) -> str:
    """The text with each `section.name` of a setting as its label, and where the page has it.

    What is in backticks and names no setting stays as it is.
    """
    return _PATH.sub(lambda path: _labels().get(path[1], path[0]), text)


@cache
def _labels() -> dict[str, str]:
    """By path. Every message of every tick asks."""
    return {setting.path: _label(setting) for setting in settings_of_a_run()}


def _label(setting: Setting) -> str:
    # What is basic is in view.
    if setting.basic:
        return f"“{setting.label}”"
    section = RunConfig.model_fields[setting.section].title
    return f"“{setting.label}” (Advanced settings, {section})"
