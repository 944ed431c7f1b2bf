"""The Guide tab: docs/guide.md, from a duplicate of the Space to a model on the Hub."""

import gradio as gr
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from core.machine.source_tree import DOCS

PICTURES = "pictures"


def build() -> None:
    """Build the tab where it is called, inside a gr.Blocks."""
    text = (DOCS / "guide.md").read_text(encoding="utf-8")
    with gr.Column(elem_classes=["card", "guide"]):
        gr.Markdown(text.replace(f"]({PICTURES}/", f"](/{PICTURES}/"))


def serve_pictures(app: FastAPI) -> None:
    """Have the app answer with the guide's pictures, and with nothing else of that folder."""
    app.mount(f"/{PICTURES}", StaticFiles(directory=DOCS / PICTURES))
