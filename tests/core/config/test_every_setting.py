"""Each setting as it is declared: its bounds, its help, when it is shown, and its schema."""

import json
import subprocess
import sys
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt

from core.config.data import Mixed
from core.config.every_setting import Setting
from core.config.options import Schedule
from core.config.parse import parse_config
from core.config.rewards import AnyReward
from core.config.run_config import RunConfig
from core.errors import InvalidConfig
from core.machine.source_tree import ROOT
from tests.core.config.examples import SETTINGS, refused

NUMBERS = {
    path: setting
    for path, setting in SETTINGS.items()
    if any(isinstance(bound, Ge | Gt | Le | Lt) for bound in setting.field.metadata)
}
# What a value at its bound needs of others.
ROOM: dict[str, dict[str, dict[str, int]]] = {
    "method.num_generations": {"training": {"per_device_train_batch_size": 1024}},
    "method.max_completion_length": {"method": {"max_length": 1_048_576}},
}


def test_a_number_is_bounded_on_both_sides() -> None:
    for path, setting in NUMBERS.items():
        low, high = outside(setting)
        assert low, f"{path} has no lower bound"
        assert high, f"{path} has no upper bound"
        for value in (*low, *high):
            with pytest.raises(InvalidConfig) as caught:
                parsed(setting, value)
            assert list(caught.value.fields) == [path], f"{path}: {value}"


def outside(setting: Setting) -> tuple[list[Any], list[Any]]:
    """Values just below and just above the bounds; the bounds themselves are taken."""
    below: list[Any] = []
    above: list[Any] = []
    for bound in setting.field.metadata:
        match bound:
            case Ge(ge=low):
                below.append(low - 1)  # type: ignore[operator]
                assert parsed(setting, low) == low, setting.path
            case Gt(gt=low):
                below.append(low)
            case Le(le=high):
                above.append(high + 1)  # type: ignore[operator]
                assert parsed(setting, high) == high, setting.path
            case Lt(lt=high):
                above.append(high)
    return below, above


def parsed(setting: Setting, value: Any) -> Any:
    named = {"name": setting.methods[0]} if setting.methods else {}
    beside = ROOM.get(setting.path, {})
    own = {**beside.get(setting.section, {}), **named, setting.name: value}
    return setting.value(parse_config({**beside, setting.section: own}))


def test_every_number_is_bounded() -> None:
    numbers = {p for p, s in SETTINGS.items() if {int, float} & set(_types(s.field.annotation))}
    assert numbers == NUMBERS.keys()


def test_a_setting_explains_itself_in_a_short_sentence() -> None:
    for path, setting in SETTINGS.items():
        help_text = setting.field.description
        assert setting.field.title, path
        assert help_text, path
        assert len(help_text) <= 120, path
        assert help_text.endswith("."), path


def test_a_setting_is_shown_for_values_that_exist() -> None:
    conditions = [(s, path, v) for s in SETTINGS.values() for path, v in s.shown_when.items()]
    for setting, path, values in conditions:
        assert path != setting.path
        kind: Any = SETTINGS[path].field.annotation
        yes_or_no = (True, False) if kind is bool else ()
        known = yes_or_no or get_args(kind) or [member.value for member in kind]
        assert values, setting.path
        assert set(values) <= set(known), setting.path


def test_each_schedule_shows_arguments_of_its_own() -> None:
    shown = {
        v for s in SETTINGS.values() for v in s.shown_when.get("schedule.lr_scheduler_type", [])
    }
    # A constant rate has nothing to set.
    assert shown == set(Schedule) - {Schedule.CONSTANT}


@pytest.mark.process
def test_the_schema_names_all_settings() -> None:
    schema = json.loads(schema_text())
    assert schema["properties"].keys() == RunConfig.model_fields.keys()
    for setting in SETTINGS.values():
        property = schema["properties"][setting.section]
        references = [property, *property.get("oneOf", [])]
        sections = [schema["$defs"][each["$ref"].removeprefix("#/$defs/")] for each in references
                    if "$ref" in each]  # fmt: skip
        having = [section for section in sections if setting.name in section["properties"]]
        assert having
        for section in having:
            assert section["additionalProperties"] is False
            told = section["properties"][setting.name].get("description")
            # The schema tells methods apart by their names alone.
            assert told == setting.field.description or setting.path == "method.name"


def schema_text() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "core", "schema"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_a_config_has_no_place_for_a_secret() -> None:
    for path, setting in SETTINGS.items():
        assert not any(word in path for word in ("token", "secret", "password", "key"))
        # A SecretStr would be written as stars, and a Path as this machine's.
        plain = {str, int, float, bool, NoneType}
        for kind in _types(setting.field.annotation):
            inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
            if inner in (Mixed, get_args(AnyReward)[0]):
                # Made of the same types as the settings beside it.
                continue
            is_choice = isinstance(inner, str) or issubclass(inner, StrEnum)
            assert is_choice or inner in plain
    fields = refused("output: {token: hf_abcdefghijklmnop}")
    assert list(fields) == ["output.token"]
    assert "hf_" not in fields["output.token"]


def _types(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is tuple:
        return _types(get_args(annotation)[0])
    inner = get_args(annotation)
    return inner if inner and get_origin(annotation) is not Annotated else (annotation,)
