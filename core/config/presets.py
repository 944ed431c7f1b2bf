"""Presets: settings that are known to go together, shipped with SmolFactory or a person's own.

A preset is a run's file with fewer settings and a section `preset`, which says what it is for.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

import yaml

from core.config.every_setting import Setting, settings_of_a_run
from core.config.migrations import migrate
from core.config.options import DatasetSource
from core.config.parse import PRESET, parse_config, read_values
from core.config.run_config import VERSION, RunConfig
from core.errors import InvalidConfig, UserError
from core.machine.atomic import write_atomically
from core.machine.source_tree import TEMPLATES

SHIPPED = TEMPLATES / "presets"
TRAINING = ("model", "method", "adapter", "training", "schedule", "hardware")
DATA = ("dataset", "columns", "filters", "evaluation")
# A run's own affair: its name, where it is pushed.
NEVER = "output"
EVALUATION_FILES = ("evaluation", "files")
FIELD = "preset"
MAX_TITLE, MAX_OWN = 60, 200
# Of a file's name, which file systems limit to 255: an ending and a temporary one go with it.
MAX_NAME_BYTES = 200


@dataclass(frozen=True)
class Preset:
    """`values` are the settings that it states, by section; `config` is the run they make."""

    name: str
    title: str
    about: str
    values: Mapping[str, Mapping[str, Any]]
    config: RunConfig
    is_own: bool = False

    def decides(self) -> Iterator[Setting]:
        """The settings that it fills in: what it states, and what goes with that by default.

        A preset that names no dataset leaves the data as it is, and one for a dataset the training.
        """
        groups = [group for group in (TRAINING, DATA) if not self.values.keys().isdisjoint(group)]
        if "dataset" not in self.values:
            groups = [group for group in groups if group is not DATA]
        whole = {section for group in groups for section in group}
        for setting in settings_of_a_run():
            if setting.section in whole or self._states(setting):
                yield setting

    def stated(self) -> list[Setting]:
        return [setting for setting in settings_of_a_run() if self._states(setting)]

    def _states(self, setting: Setting) -> bool:
        return setting.name in self.values.get(setting.section, {})


@cache
def shipped_presets() -> tuple[Preset, ...]:
    return tuple(_read(path) for path in sorted(SHIPPED.glob("*.yaml")))


def own_presets(home: Path) -> list[Preset]:
    """A person's own. One that can't be read any more is left out."""
    found = []
    for path in sorted(_folder(home).glob("*.yaml")):
        try:
            found.append(_read(path, is_own=True))
        except (UserError, OSError, UnicodeDecodeError):
            continue
    return found


def save_preset(config: RunConfig, *, title: str, home: Path) -> Preset:
    """Save what differs from the defaults, under a title; one of the same title is replaced.

    Raises UserError at `preset` when it can't be saved.
    """
    title = " ".join(title.split())
    if not _slug(title) or len(title) > MAX_TITLE:
        raise UserError(
            "Give the preset a name.", hint=f"Up to {MAX_TITLE} characters.", field=FIELD
        )
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    path = _path_for(title, home=home)
    if not path.exists() and len(list(folder.glob("*.yaml"))) >= MAX_OWN:
        raise UserError(
            f"There are {MAX_OWN} presets already.", hint="Delete some of them.", field=FIELD
        )
    values = {PRESET: {"title": title}, "version": VERSION, **_differences(config)}
    write_atomically(path, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return _read(path, is_own=True)


def delete_preset(name: str, *, home: Path) -> None:
    """Delete one of a person's own. Nothing happens where there is none of this name."""
    if name in {preset.name for preset in own_presets(home)}:
        (_folder(home) / f"{name}.yaml").unlink(missing_ok=True)


def _folder(home: Path) -> Path:
    return home / "presets"


def _read(path: Path, *, is_own: bool = False) -> Preset:
    """Raises InvalidConfig when it is none."""
    values = read_values(path.read_text(encoding="utf-8"))
    told = values.pop(PRESET, None)
    if not isinstance(told, dict) or not told.get("title"):
        raise InvalidConfig({PRESET: "A preset begins with a section that has its title."})
    values = dict(migrate(values))
    config = parse_config(values)
    sections = {name: value for name, value in values.items() if isinstance(value, dict)}
    return Preset(
        name=path.stem,
        title=str(told["title"]),
        about=str(told.get("about", "")),
        values=sections,
        config=config,
        is_own=is_own,
    )


def _differences(config: RunConfig) -> dict[str, dict[str, Any]]:
    """What a person has set, without their files' names and what a run does with its result."""
    nested = config.model_dump(mode="json")
    usual = parse_config(
        {"method": {"name": config.method.name}, "adapter": {"kind": config.adapter.kind.value}}
    ).model_dump(mode="json")
    found: dict[str, dict[str, Any]] = {}
    for section, values in nested.items():
        if section == NEVER or not isinstance(values, dict):
            continue
        changed = {
            name: value
            for name, value in values.items()
            if value != usual[section][name] and (section, name) != EVALUATION_FILES
        }
        if changed:
            found[section] = changed
    found.setdefault("method", {})["name"] = config.method.name
    found.setdefault("adapter", {})["kind"] = config.adapter.kind.value
    if config.dataset.source is DatasetSource.UPLOAD:
        # Without its files the section says nothing.
        found.pop("dataset", None)
    return found


def _path_for(title: str, *, home: Path) -> Path:
    """The file of the preset of this title, or a new one: different titles may make one name."""
    slug, folder = _slug(title), _folder(home)
    same = (preset.name for preset in own_presets(home) if _key(preset.title) == _key(title))
    names = chain([slug], (f"{slug}-{number}" for number in count(2)))
    free = (name for name in names if not (folder / f"{name}.yaml").exists())
    return folder / f"{next(chain(same, free))}.yaml"


def _key(title: str) -> str:
    return unicodedata.normalize("NFKC", title).casefold()


def _slug(title: str) -> str:
    """The beginning of a file's name: letters of any script, digits and hyphens."""
    slug = re.sub(r"[\W_]+", "-", _key(title)).strip("-")
    return slug.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip("-")
