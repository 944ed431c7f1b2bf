"""What is wrong with settings, said in a list and, by the page's script, at each field."""

from collections.abc import Mapping
from html import escape

from core.errors import UserError, fields_of
from interface.fields import element_id
from interface.form import Form

NOTHING = ""


def show(form: Form, error: UserError, *, reveal: bool) -> str:
    """The problems of the form. `reveal` has the page open and scroll to the first of them."""
    faults = fields_of(error)
    heading = f"{len(faults)} settings need a look." if len(faults) > 1 else "One more thing to do."
    items = "".join(_item(form, path, message) for path, message in faults.items())
    flag = " data-reveal" if reveal else ""
    return (
        f'<div class="problems" role="alert"{flag}><p>{escape(heading)}</p><ul>{items}</ul></div>'
    )


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
        for path, message in fields_of(error).items()
    )
    return f'<div class="problems" role="alert"><ul>{items}</ul></div>'


def _item(form: Form, path: str, message: str) -> str:
    message = escape(message)
    if not path:
        return f"<li>{message}</li>"
    field = f'data-field="{escape(element_id(path))}" data-fold="{form.fold(path)}"'
    field += f' data-message="{message}"'
    return f"<li {field}><b>{escape(form.label(path))}</b> {message}</li>"
