"""What a browser saves of the form, and what is put back."""

from pathlib import Path

import gradio as gr
import pytest

from core.config.parse import parse_config
from interface.access.uploads import store_uploads_in, uploads_folder
from interface.train.form import Form


@pytest.fixture
def form() -> Form:
    with gr.Blocks():
        return Form()


def restored(form: Form, saved: object, *, may_act: bool = True) -> tuple[dict[str, object], str]:
    updates, lost = form.restore(saved, may_act=may_act)
    values = {name: each["value"] for name, each in zip(form.components, updates, strict=True)}
    return values, ", ".join(lost)


def test_leave_to_replace_a_repository_is_not_saved(form: Form) -> None:
    assert "output__replace" not in form.saved_names()
    values, _ = restored(form, {"output__replace": True, "training__seed": 7})
    assert (values["output__replace"], values["training__seed"]) == (False, 7)


def test_files_are_put_back_that_the_server_still_has(
    form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    store_uploads_in(tmp_path)
    here, foreign = uploads_folder(tmp_path) / "ab" / "here.csv", tmp_path / "foreign.csv"
    here.parent.mkdir()
    here.touch()
    foreign.touch()
    gone = here.with_name("gone.csv")
    saved = {"dataset__files": [str(here), str(gone), str(foreign), 3], "evaluation__files": "x"}
    values, lost = restored(form, saved)
    assert (values["dataset__files"], values["evaluation__files"]) == ([str(here)], None)
    assert lost == "gone.csv, foreign.csv, 3"
    assert restored(form, saved, may_act=False)[0]["dataset__files"] is None


def test_a_learning_rate_that_nobody_chose_is_left_to_the_method() -> None:
    with gr.Blocks():
        form = Form()
    at = list(form.components).index("training__learning_rate")
    dpo = {"method": {"name": "dpo"}, "dataset": {"builtin": "facts_pairs"}}
    for rate, shown in ((None, None), (1e-5, None), (1e-3, 1e-3)):
        training = {} if rate is None else {"training": {"learning_rate": rate}}
        assert form.fill(parse_config(dpo | training), {})[at]["value"] == shown
