"""What is wrong, said in a list."""

from collections.abc import Mapping
from html import escape

from core.errors import UserError, fields_of
from interface.display.setting_labels import with_labels

NOTHING = ""


def listed(error: UserError, *, labels: Mapping[str, str] | None = None) -> str:
    """The problems of settings that came from elsewhere than the form.

    Each is named by the label that it has there, or else by its path.
    """
    items = "".join(
        f"<li>{escape(message)}</li>"
        if path in ("", "yaml")
        else f"<li><b>{escape(labels[path])}</b> {escape(message)}</li>"
        if labels and path in labels
        else f"<li><code>{escape(path)}</code> {escape(message)}</li>"
        for path, message in ((p, with_labels(m)) for p, m in fields_of(error).items())
    )
    return f'<div class="problems" role="alert"><ul>{items}</ul></div>'
