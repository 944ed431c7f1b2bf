"""The lines of Python that use a model: on its card, and on its run's page."""

import json
from pathlib import Path

from jinja2 import Template

from core.machine.source_tree import TEMPLATES

TEMPLATE = TEMPLATES / "use_model.py.jinja"


def usage(model: str | Path, *, is_adapter: bool, scores: bool, base: Path | None = None) -> str:
    """`model` is a repository of the Hub, or a folder.

    `base` is where an adapter's base lies, where that is not the one that the adapter names.
    """
    # It is a program, and no page.
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    text: str = template.render(
        model=_quoted(model), is_adapter=is_adapter, scores=scores,
        base=_quoted(base) if base else None,
    )  # fmt: skip
    return text


def _quoted(text: str | Path) -> str:
    """As Python and JSON both write a text."""
    return json.dumps(str(text), ensure_ascii=False)
