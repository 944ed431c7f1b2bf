"""Keeping an open page up to date at little cost: what has not changed is not sent."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

TICK_SECONDS = 1.0
# Asked so often that a progress animation or a place in the queue would be in the way.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def changes(
    seen: Mapping[str, int], shown: Mapping[str, Any], *, outputs: list[str]
) -> tuple[dict[str, int], list[Any]]:
    """What to send to a browser that has `seen` so much, in the order of `outputs`.

    Returns what it will have seen then, by fingerprint, and the updates.
    """
    now = {name: hash(repr(value)) for name, value in shown.items()}
    updates = [
        shown[name] if name in now and seen.get(name) != now[name] else gr.skip()
        for name in outputs
    ]
    return {**seen, **now}, updates
