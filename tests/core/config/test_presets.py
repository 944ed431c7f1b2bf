"""Presets: those that are shipped, and a person's own."""

from pathlib import Path

import pytest

from core.builtin.datasets import builtin_datasets_for
from core.config.methods import METHODS
from core.config.options import DatasetSource
from core.config.parse import load_config, parse_config
from core.config.presets import (
    MAX_TITLE,
    SHIPPED,
    delete_preset,
    own_presets,
    save_preset,
    shipped_presets,
)
from core.errors import UserError

PRESETS = {preset.name: preset for preset in shipped_presets()}


def paths(name: str) -> set[str]:
    return {setting.path for setting in PRESETS[name].decides()}


def test_each_preset_makes_a_run_and_says_what_for_and_where_its_values_are_from() -> None:
    for preset in PRESETS.values():
        text = (SHIPPED / f"{preset.name}.yaml").read_text(encoding="utf-8")
        assert text.startswith("# "), preset.name
        assert preset.about.endswith("."), preset.name
        # The same file is one for the command line.
        assert load_config(text) == preset.config
        assert len(preset.stated()) == sum(map(len, preset.values.values())), preset.name
    assert len({preset.title for preset in PRESETS.values()}) == len(PRESETS)


def test_there_is_one_on_built_in_data_for_each_method() -> None:
    for method in METHODS:
        preset = PRESETS[f"builtin-{method}"]
        assert preset.config.method.name == method
        assert preset.config.dataset.source is DatasetSource.BUILTIN
        assert preset.config.dataset.builtin in builtin_datasets_for(method)


def test_a_preset_decides_on_what_goes_with_its_settings() -> None:
    trained = paths("qwen3-4b")
    assert {"model.name", "training.seed", "hardware.precision"} <= trained
    assert not any(path.startswith(("dataset.", "columns.", "output.")) for path in trained)
    # Besides, what it states of other sections.
    assert {path for path in paths("smollm3-3b-no-think") if path.startswith("columns.")} == {
        "columns.system"
    }
    data = paths("medical-o1")
    assert {"dataset.name", "columns.messages", "filters.sample"} <= data
    assert not any(path.startswith(("model.", "method.", "training.")) for path in data)


def test_a_persons_own_preset_has_what_they_changed_and_none_of_their_files(
    tmp_path: Path,
) -> None:
    config = parse_config(
        {
            "dataset": {"source": "upload", "files": ["patients.csv"]},
            "columns": {"prompt": "question"},
            "method": {"name": "dpo"},
            "training": {"seed": 3},
            "output": {"name": "secret-project"},
        }
    )
    saved = save_preset(config, title="  Größe: 日本 / 2 ", home=tmp_path)
    (file,) = tmp_path.rglob("*.yaml")
    text = file.read_text(encoding="utf-8")
    assert "patients" not in text
    assert "secret-project" not in text
    assert {setting.path for setting in saved.stated()} == {
        "method.name", "adapter.kind", "training.seed", "columns.prompt"
    }  # fmt: skip
    assert [preset.title for preset in own_presets(tmp_path)] == ["Größe: 日本 / 2"]
    assert load_config(text).training.seed == 3

    # Of the same title, it is replaced; what can't be read is left out.
    save_preset(parse_config({"training": {"seed": 4}}), title="größe: 日本  / 2", home=tmp_path)
    file.with_name("torn.yaml").write_text("preset: {title: Torn\n", encoding="utf-8")
    (only,) = own_presets(tmp_path)
    assert only.config.training.seed == 4
    delete_preset("../presets/" + only.name, home=tmp_path)
    assert own_presets(tmp_path)
    delete_preset(only.name, home=tmp_path)
    assert not own_presets(tmp_path)


def test_different_titles_are_different_presets_whatever_their_files_are_called(
    tmp_path: Path,
) -> None:
    # A file's name has neither vowel signs nor "+"; and of some letters compatibility makes 18.
    titles = ["C", "C++", "कि", "की", "ﷺ" * MAX_TITLE, "ﷺ" * (MAX_TITLE - 1) + "+"]
    for seed, title in enumerate(titles):
        save_preset(parse_config({"training": {"seed": seed}}), title=title, home=tmp_path)
    saved = {preset.title: preset for preset in own_presets(tmp_path)}
    assert {title: saved[title].config.training.seed for title in titles} == {
        title: seed for seed, title in enumerate(titles)
    }
    delete_preset(saved["C"].name, home=tmp_path)
    # Where another name has become free, it is still the same preset.
    again = save_preset(parse_config({"training": {"seed": 9}}), title="c++", home=tmp_path)
    assert again.name == saved["C++"].name
    for preset in own_presets(tmp_path):
        delete_preset(preset.name, home=tmp_path)
    assert not own_presets(tmp_path)


def test_a_persons_own_files_leave_no_empty_section(tmp_path: Path) -> None:
    files = {"source": "upload", "files": ["a.csv"]}
    config = parse_config({"dataset": files, "evaluation": {"files": ["b.csv"]}})
    assert "evaluation" not in save_preset(config, title="a", home=tmp_path).values


@pytest.mark.parametrize("title", ["", " / ", "a" * (MAX_TITLE + 1)])
def test_a_preset_needs_a_name(tmp_path: Path, title: str) -> None:
    with pytest.raises(UserError, match="Give the preset a name") as caught:
        save_preset(parse_config({}), title=title, home=tmp_path)
    assert caught.value.field == "preset"
    assert not list(tmp_path.iterdir())
