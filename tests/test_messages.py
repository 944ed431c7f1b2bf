"""Messages name settings as a run's file does: the page finds each label by its path."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from core.config.allowed_values import choices
from core.config.every_setting import settings_of_a_run
from core.config.run_config import RunConfig
from core.machine.source_tree import ROOT

# A value that is filled in may be any name: `columns.{part}`.
ANY = "any_name"


def messages() -> Iterator[tuple[Path, str]]:
    """The texts of core, except docstrings: those speak of modules too."""
    for path in sorted((ROOT / "core").rglob("*.py")):
        if path.name == "reference.py":
            # The page of all settings may say where the form has them.
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield path, "".join(_text(part) for part in node.values)
            elif isinstance(node, ast.Constant) and id(node) not in docstrings:
                yield path, str(node.value)


def _text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else ANY


def test_every_path_is_that_of_a_setting() -> None:
    paths = {setting.path for setting in settings_of_a_run()}
    paths |= {f"{section}.{ANY}" for section in RunConfig.model_fields}
    found = {
        (path, name)
        for path, text in messages()
        for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", text)
    }
    assert {name for _, name in found} >= {"filters.skip_unreadable", f"columns.{ANY}"}
    assert {each for each in found if each[1] not in paths} == set()


def test_values_of_settings_are_marked_as_such() -> None:
    """What a file calls `prompt_completion` is "Prompt and completion" in the page's menu."""
    values = {value for setting in settings_of_a_run() for value in choices(setting)}
    told = {value for value in values if "_" in value} | {"auto"}
    bare = re.compile(rf"(?<![`\w.])({'|'.join(map(re.escape, sorted(told)))})(?![`\w.])")
    found = [
        (path, text)
        for path, text in messages()
        if text[:1].isupper() and " " in text and bare.search(text)
    ]
    helps = [setting.field.description or "" for setting in settings_of_a_run()]
    assert ([text for text in helps if bare.search(text)], found) == ([], [])


def test_no_message_tells_where_the_page_has_a_setting() -> None:
    """Whoever reads it in a terminal has no page."""
    labels = {s.label for s in settings_of_a_run()}
    places = ("under Advanced", "under Filters", "under Columns", "Advanced settings")
    told = [
        (path, text)
        for path, text in messages()
        if any(f"'{label}'" in text for label in labels) or any(p in text for p in places)
    ]
    assert told == []
