"""Settings out of a form or a file, with a message for each that is at fault."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from core.config.conflicts import conflicts
from core.config.every_setting import METHOD, NAME, Setting, settings_of_a_run
from core.config.methods import METHODS
from core.config.migrations import migrate, renamed
from core.config.rewards import REWARDS
from core.config.run_config import VERSION, RunConfig
from core.errors import InvalidConfig

# The section of a preset that says what it is for.
PRESET = "preset"
MAX_YAML_BYTES = 256 * 1024
# Ours nests three deep; PyYAML's time grows with the square of the depth.
MAX_NESTING = 16
# A run's settings are some hundred, and what they list are lines and not pages.
MAX_TOKENS = 20_000
# To read a number takes time by the square of its digits, more so to base 60 (1:30:00).
MAX_DIGITS = 100
_DIGITS = frozenset("0123456789+-._:")
# A safe one. That in C is ten times as fast; PyYAML can be built without.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
# Where pydantic puts the reward's name before its settings.
REWARDED = [METHOD, "rewards"]
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
# No setting's name is longer, so nothing longer is a misspelt one.
MAX_NAME = 64
# Beyond this many faults a person reads no further.
MAX_FAULTS = 20


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Check nested values ({"training": {"seed": 2}}) and return the settings they make.

    Raises InvalidConfig, with a message for every setting at fault.
    """
    config = _validate(values)
    if faults := conflicts(config):
        raise InvalidConfig(faults)
    return config


def load_config(text: str) -> RunConfig:
    """Read a run's YAML, or a preset's.

    Raises InvalidConfig when it is not YAML, or has unknown keys or bad values.
    """
    values = read_values(text)
    values.pop(PRESET, None)
    return parse_config(values)


def load_stored_config(text: str) -> RunConfig:
    """Read the YAML of a run that was started, maybe by an older version.

    What did not conflict then may by the rules of today, and the run goes on all the same. Raises
    InvalidConfig as `load_config` does.
    """
    return _validate(read_values(text))


def _validate(values: Mapping[str, Any]) -> RunConfig:
    try:
        return RunConfig.model_validate(migrate(values))
    except ValidationError as error:
        raise InvalidConfig(_messages(error)) from error


def read_values(text: str) -> dict[str, Any]:
    """The values in a YAML file, unchecked. Raises InvalidConfig when it isn't YAML, or no mapping.

    Untrusted text is safe: what would take minutes or gigabytes to load is refused.
    """
    if len(text.encode(errors="replace")) > MAX_YAML_BYTES:
        raise InvalidConfig({"yaml": "This file is too large to be a run's settings."})
    try:
        _refuse_what_explodes(text)
        values = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise InvalidConfig({"yaml": f"This is not YAML.{_place(error)}"}) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidConfig({"yaml": "This YAML holds a value that can't be read."}) from error
    if not isinstance(values, dict):
        raise InvalidConfig(
            {"yaml": f"This holds no settings: it should begin with 'version: {VERSION}'."}
        )
    return values


def _refuse_what_explodes(text: str) -> None:
    """Raise InvalidConfig for YAML that is small and would take minutes or gigabytes to load."""
    depth = 0
    for count, token in enumerate(yaml.scan(text, Loader=_Loader)):
        if count > MAX_TOKENS:
            raise InvalidConfig({"yaml": "This file holds more values than a run has settings."})
        # A file of ours has none, and a few lines of them stand for gigabytes.
        if isinstance(token, yaml.AliasToken):
            raise InvalidConfig({"yaml": "Aliases (*name) are not read here: write values out."})
        # Nor a tag; PyYAML raises nearly anything over a wrong one.
        if isinstance(token, yaml.TagToken):
            line = token.start_mark.line + 1
            raise InvalidConfig({"yaml": f"Line {line}: tags (!!name) are not read here."})
        if isinstance(token, yaml.ScalarToken) and token.plain and _is_long_number(token.value):
            line = token.start_mark.line + 1
            raise InvalidConfig({"yaml": f"Line {line}: this number is too long to be read."})
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_NESTING:
            raise InvalidConfig(
                {"yaml": f"Line {token.start_mark.line + 1} nests deeper than any setting does."}
            )


def _is_long_number(text: str) -> bool:
    return len(text) > MAX_DIGITS and _DIGITS.issuperset(text)


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return f" Line {mark.line + 1}: {problem}." if mark else ""


def _messages(error: ValidationError) -> dict[str, str]:
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False)[:MAX_FAULTS]:
        path = _path(fault)
        inner = path[2:]
        entry = f"Entry {int(inner[0]) + 1}: " if inner and inner[0].isdigit() else ""
        if entry and path[:2] == REWARDED and len(inner) > 2:
            entry = f"{entry}{'.'.join(inner[2:])}: "
        faults.setdefault(".".join(path[:2]) or "yaml", f"{entry}{_sentence(fault, path)}")
    return faults


def _path(fault: Any) -> list[str]:
    """Where a fault is, as a file has it: pydantic puts the method's name before its settings."""
    path = [str(part) for part in fault["loc"]]
    if path == [METHOD] and fault["type"] == "union_tag_invalid":
        return [METHOD, NAME]
    return [METHOD, *path[2:]] if path[:1] == [METHOD] and len(path) > 2 else path


def _sentence(fault: Any, path: list[str]) -> str:
    match fault["type"]:
        case "extra_forbidden" if len(path) > 2:
            return f"There is no {path[-1]!r} here."
        case "extra_forbidden" if path[0] == METHOD:
            own = [METHOD, f"{fault['loc'][1]}_{path[-1]}"]
            nearest = _nearest(path) if ".".join(own) not in _paths() else f" It has {own[1]}."
            return f"The method {fault['loc'][1]} has no setting {path[-1]}.{nearest}"
        case "extra_forbidden":
            return f"There is no setting {'.'.join(path)}.{_nearest(path)}"
        case "union_tag_invalid" if path[-1] == NAME:
            return _unknown(fault["ctx"]["tag"], "method", known=METHODS)
        case "union_tag_invalid":
            return _unknown(fault["ctx"]["tag"], "reward", known=REWARDS)
        case "union_tag_not_found":
            return f"Say which by its name; there are: {', '.join(REWARDS)}."
        case "tuple_type":
            return "Write a list here."
        case "too_short":
            return "Name at least one."
        case "string_pattern_mismatch" if path[-1] == NAME and path[0] in ("model", "dataset"):
            return "Write it as owner/name, as on the Hub: letters, digits, '-', '_' and '.'."
        case "string_pattern_mismatch" if path[-2:-1] == ["files"]:
            return "Name a file without its folder; from a terminal it lies beside the YAML."
        case "string_pattern_mismatch":
            return "Use letters, digits, '-', '_' and '.', and begin with a letter or digit."
        case "literal_error" if path == ["version"]:
            return f"This SmolFactory reads versions 1 to {VERSION} of the file, no other."
        case "float_parsing" | "float_type" | "int_parsing" | "int_type" | "finite_number":
            return "Write a number here."
        case "int_from_float":
            return "Write a whole number here."
        case "model_attributes_type":
            return "This should be a section with settings in it."
        case _:
            message = str(fault["msg"]).removeprefix("Input should be ")
            return f"This should be {message}." if message != fault["msg"] else f"{message}."


def _unknown(name: str, what: str, *, known: Collection[str]) -> str:
    found = difflib.get_close_matches(name.lower()[:MAX_NAME], known, n=1)
    nearest = f" Did you mean {found[0]}?" if found else ""
    return f"There is no {what} {name[:MAX_NAME]!r}.{nearest} There are: {', '.join(known)}."


def _nearest(path: list[str]) -> str:
    wanted = ".".join(path)
    if len(path) > 2 or len(wanted) > MAX_NAME:
        return ""
    if new := renamed(wanted):
        return f" It is called {new} since version 2 of the file."
    known = _paths()
    if wanted in known:
        return f" It is one of {' and '.join(known[wanted].methods)}."
    found = _meant(*path, known=known) or difflib.get_close_matches(wanted, known, n=1)
    return f" Did you mean {found[0]}?" if found else ""


def _paths() -> dict[str, Setting]:
    return {setting.path: setting for setting in settings_of_a_run()}


def _meant(section: str, name: str = "", *, known: Collection[str]) -> list[str]:
    """The settings that a short form may stand for, such as lr or batch_size, the nearest first."""
    if f"{name}.{NAME}" in known:
        # It is a section of its own.
        return [f"{name}.{NAME}"]
    found = []
    for path in known:
        words = path.partition(".")[2].split("_")
        if name == "".join(word[0] for word in words) or {*name.split("_")} <= {*words}:
            found.append(path)
    return sorted(found, key=lambda path: (not path.startswith(f"{section}."), len(path)))
