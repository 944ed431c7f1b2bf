"""Datasets of the Hub, offered as their name is typed."""

from typing import Any

import gradio as gr

from core.errors import UserError
from core.hub.lookups import search_datasets
from interface.access.roles import Access
from interface.display.live import QUIET
from interface.train.fields import element_id
from interface.train.form import Form

# One letter finds nothing in particular.
MIN_LETTERS = 2
# Read as each question is sent: what the event itself tells of is the first key of several.
_TYPED = f'() => document.querySelector("#{element_id("dataset.name")} input").value'


def offer_datasets(form: Form, *, access: Access) -> None:
    """Have the field of the dataset's name offer what the Hub has, inside a gr.Blocks."""

    def search(request: gr.Request, typed: str) -> Any:
        if len(typed.strip()) < MIN_LETTERS or not access.may_act(request):
            return gr.skip()
        try:
            found = search_datasets(typed.strip(), token=access.token(request))
        except UserError:
            # The name is looked up again when it is chosen, and what is wrong is said then.
            return gr.skip()
        return gr.update(choices=found)

    name = form.components["dataset__name"]
    typed = gr.Textbox(visible="hidden", label="Typed")
    name.key_up(
        search, inputs=[typed], outputs=[name], js=_TYPED, trigger_mode="always_last", **QUIET
    )
