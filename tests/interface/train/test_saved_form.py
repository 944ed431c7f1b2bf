"""What a browser saves of the form, and what is put back."""

import gradio as gr

from interface.train.form import Form


def test_leave_to_replace_a_repository_is_not_saved() -> None:
    with gr.Blocks():
        form = Form()
    assert not {"output__replace", "dataset__files"} & set(form.saved_names())
    updates = form.restore({"output__replace": True, "training__seed": 7})
    values = {name: each["value"] for name, each in zip(form.components, updates, strict=True)}
    assert (values["output__replace"], values["training__seed"]) == (False, 7)
