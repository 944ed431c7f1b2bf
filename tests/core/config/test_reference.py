"""docs/settings.md against the settings as they are declared."""

import json
import subprocess
import sys

import pytest

from core.config.every_setting import settings_of_a_run
from core.config.reference import reference_page, setting_references
from core.machine.source_tree import DOCS, ROOT

UPDATE = "python -m core settings > docs/settings.md"


def printed(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "core", "settings", *options],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_page_of_settings_is_up_to_date() -> None:
    written = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert written == reference_page(), f"docs/settings.md is stale. Update it: {UPDATE}"
    assert UPDATE in written


@pytest.mark.process
def test_the_command_prints_the_page() -> None:
    assert printed() == reference_page()


def test_every_setting_has_one_row() -> None:
    rows = [line for line in reference_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [s.path for s in settings_of_a_run()]
    # A bare "|" in a cell would shift the others.
    assert {row.replace(r"\|", "").count("|") for row in rows} == {7}


def test_what_a_row_says() -> None:
    page = reference_page()
    assert (
        "| `adapter.lora_dropout` | LoRA dropout | number, ≥ 0, < 1 | `0.0` |  | Dropout "
        "probability in the adapter layers, to reduce overfitting. Applies when `adapter.kind` is "
        "`lora`. |"
    ) in page
    assert "| Gradient checkpointing | `auto`, `on`, `off` | `auto` |" in page
    assert "| Learning rate | number, > 0, ≤ 1 | by method | basic |" in page
    assert "| Training files | list of file names |  | basic |" in page


@pytest.mark.process
def test_the_settings_as_json() -> None:
    answer = json.loads(printed("--json"))
    assert [setting["path"] for setting in answer] == [s.path for s in setting_references()]
    seed = next(setting for setting in answer if setting["path"] == "training.seed")
    assert (seed["default"], seed["basic"], seed["shown_when"]) == (42, False, {})
