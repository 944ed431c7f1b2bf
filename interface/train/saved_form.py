"""The form as the browser saves it while its tab is open: a reload does not empty it."""

from typing import Any

import gradio as gr

from interface.train.form import Form


class SavedForm:
    """Builds `component`, which the browser fills as the page loads, inside a gr.Blocks.

    The form is saved at the events `when`.
    """

    def __init__(self, form: Form, *, when: list[Any]) -> None:
        self.component = gr.JSON(visible="hidden", label="Saved form")
        names = form.saved_names()
        gr.on(
            when,
            fn=None,
            inputs=[form.components[name] for name in names],
            js=f"(...values) => window.smolfactory.saveForm({names}, values)",
        )
