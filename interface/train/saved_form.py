"""The form as the browser keeps it while its tab is open: a reload does not empty it."""

import gradio as gr

from interface.train.form import Form


class SavedForm:
    """Builds `component`, which the browser fills as the page loads, inside a gr.Blocks."""

    def __init__(self, form: Form) -> None:
        self.component = gr.JSON(visible="hidden", label="Kept")
        names = form.keepable()
        gr.on(
            form.edits(),
            fn=None,
            inputs=[form.components[name] for name in names],
            js=f"(...values) => window.smolfactory.saveForm({names}, values)",
        )
