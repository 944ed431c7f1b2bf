"""Keeping an open page up to date at little cost: what has not changed is not sent."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

import gradio as gr

TICK_SECONDS = 1.0
# No progress to show anywhere. Gradio would otherwise update the loading status of each output ever
# shown, with all that lies in it, whenever any event begins or ends.
NO_PROGRESS: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
# Asked so often that a progress animation or a place in the queue would be in the way.
QUIET: dict[str, Any] = {"queue": False, "api_visibility": "private", **NO_PROGRESS}

# The `js` of an event that fills the form, and what is to happen when it has.
HOLDS = "(...values) => window.smolfactory.hold(...values)"
RELEASES: dict[str, Any] = {"fn": None, "js": "() => window.smolfactory.release()"}

# A column that is hidden: Gradio knows "hidden" for components only.
AWAY = "away"


def visible(yes: object) -> Literal[True, "hidden"]:
    """For what comes and goes: it stays mounted, since Gradio loses updates while it mounts."""
    return True if yes else "hidden"


def column_visible(yes: object, *classes: str) -> dict[str, Any]:
    """The same for a column, which has these classes besides."""
    update: dict[str, Any] = gr.update(elem_classes=[*classes, *(() if yes else (AWAY,))])
    return update


def in_browser(*values: Any) -> dict[str, Any]:
    """What an event gives its outputs without asking the server, whose answer may come too late."""
    return {"fn": None, "js": f"() => {json.dumps(values)}"}


def changes(
    seen: Mapping[str, str] | None, shown: Mapping[str, Any], *, outputs: list[str]
) -> tuple[dict[str, str], list[Any]]:
    """What to send to a browser that has `seen` so much, in the order of `outputs`.

    Returns what it will have seen then, by fingerprint, and the updates. The browser keeps the
    first with the second, so what was lost on the way is sent again.
    """
    known = seen or {}
    now = {name: _fingerprint(value) for name, value in shown.items()}
    updates = [
        shown[name] if name in now and known.get(name) != now[name] else gr.skip()
        for name in outputs
    ]
    return {**known, **now}, updates


def _fingerprint(value: Any) -> str:
    return blake2b(repr(value).encode(), digest_size=8).hexdigest()
