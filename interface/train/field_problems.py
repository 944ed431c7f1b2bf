"""What is wrong with the settings of the form, in a list and at each field."""

from html import escape

from core.errors import UserError, fields_of
from interface.display.setting_labels import with_labels
from interface.train.fields import element_id
from interface.train.form import Form


def show(form: Form, error: UserError, *, reveal: bool) -> str:
    """The problems of the form. `reveal` has the page open and scroll to the first of them."""
    faults = fields_of(error)
    heading = f"{len(faults)} settings need a look." if len(faults) > 1 else "One more thing to do."
    items = "".join(_item(form, path, message) for path, message in faults.items())
    flag = " data-reveal" if reveal else ""
    return (
        f'<div class="problems" role="alert"{flag}><p>{escape(heading)}</p><ul>{items}</ul></div>'
    )


def _item(form: Form, path: str, message: str) -> str:
    message = escape(with_labels(message))
    if not path:
        return f"<li>{message}</li>"
    field = f'data-field="{escape(element_id(path))}" data-fold="{form.fold(path)}"'
    field += f' data-message="{message}"'
    return f"<li {field}><b>{escape(form.label(path))}</b> {message}</li>"
