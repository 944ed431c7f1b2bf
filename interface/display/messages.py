"""One line about what goes on, what was done, or why there is nothing to see."""

from interface.display.render import render


def busy(text: str) -> str:
    """Something takes a while."""
    return render("message.html", kind="busy", text=text)


def note(text: str) -> str:
    """Something was done."""
    return render("message.html", kind="note", text=text)


def problem(text: str) -> str:
    """Something is not as one would want it."""
    return render("message.html", kind="problem", text=text)


def muted(text: str) -> str:
    """An aside, or what will be here later."""
    return render("message.html", kind="muted", text=text)


def empty(title: str, text: str = "") -> str:
    """Nothing is here yet, and how that changes."""
    return render("empty.html", title=title, text=text)
