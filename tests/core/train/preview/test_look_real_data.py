"""Nothing of real data is lost or learned in silence, however it is laid out."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.config.parse import parse_config
from core.data.preview import Preview, Question
from core.data.previewer import Previewer
from tests.core.train.families import FAMILIES, TEMPLATES
from tests.core.train.preview.popular_data import POPULAR
from tests.core.train.preview.real_data import STRUCTURES, Structure
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.process

MORE_FAMILIES = FAMILIES | {
    "r1": {"template": (TEMPLATES / "deepseek_r1_distill.jinja").read_text(encoding="utf-8")},
    "llama3 with a beginning": FAMILIES["llama3"] | {"adds_begin": True},
    "merging": FAMILIES["smollm2"] | {"corpus": "a\n\n\nb" * 20},
}


ALL = STRUCTURES | POPULAR


@pytest.fixture(scope="module")
def previewer() -> Iterator[Previewer]:
    with closing(Previewer()) as opened:
        yield opened


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A home for each family of models that a structure asks for."""
    found = {}
    for family in {structure.family for structure in ALL.values()}:
        found[family] = tmp_path_factory.mktemp("home")
        make_tiny_model(found[family] / "models" / "SmolLM2-135M-Instruct", **MORE_FAMILIES[family])
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_real_structure_is_read_as_it_is_meant(
    previewer: Previewer, homes: dict[str, Path], tmp_path: Path, name: str
) -> None:
    structure = ALL[name]
    look = partial(_look, previewer=previewer, home=homes[structure.family], folder=tmp_path)
    preview = look(structure)
    told = ""
    if preview.fault:
        told = f"{preview.fault.message} {preview.fault.hint} `{preview.fault.field}`"
    assert bool(told) == bool(structure.fault), told
    assert [words for words in structure.fault if words not in told] == [], told
    if structure.follow:
        assert [name for name in _named(structure.follow) if name not in told] == [], told
        preview = look(replace(structure, settings=_merged(structure.settings, structure.follow)))
        assert preview.fault is None
    warnings = " ".join(preview.warnings)
    assert [words for words in structure.warned if words not in warnings] == [], warnings
    assert set(structure.unused) <= set(preview.unused)
    if structure.fault and not structure.follow:
        return
    pieces = preview.rows[0].sides[0].pieces
    text = "".join(piece.text for piece in pieces)
    assert [words for words in structure.shown if words not in text] == [], text
    assert [words for words in structure.hidden if words in text] == [], text
    if structure.learned is not None:
        learned = "".join(piece.text for piece in pieces if piece.trained)
        # What follows the end of an answer is the template's affair.
        assert learned.removesuffix("\n") == structure.learned
    if structure.rows_left is not None:
        assert preview.statistics.rows == structure.rows_left


def _named(settings: dict[str, Any]) -> list[str]:
    """The settings by their paths, as a hint speaks of them; a fault stands at one of them."""
    return [f"`{section}.{name}`" for section, of in settings.items() for name in of]


def _merged(settings: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    return settings | {name: settings.get(name, {}) | of for name, of in others.items()}


def _look(structure: Structure, *, previewer: Previewer, home: Path, folder: Path) -> Preview:
    file = folder / f"rows.{structure.ending}"
    file.write_text(structure.content(), encoding="utf-8")
    sections = {name: dict(section) for name, section in structure.settings.items()}
    dataset = {"source": "upload", "files": [file.name]} | sections.pop("dataset", {})
    method = {"max_length": 1024} | sections.pop("method", {})
    config = parse_config(
        {"dataset": dataset, "method": method, "evaluation": {"fraction": 0}} | sections
    )
    question = Question(config=config, files={file.name: file}, home=home, seconds=5)
    return previewer.ask(question, token=None)
