"""What is wrong, said in a list."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import UserError, fields_of
from interface.display.render import render

NOTHING = ""
# Where an error is about a whole file, no setting is named.
_NAMELESS = ("", "yaml")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and with which setting: by its label or else by its path.

    `field` is the id of the setting's field on the page, and `fold` that of the closed section
    that holds it; both are "" where there is none.
    """

    message: str
    label: str = ""
    path: str = ""
    field: str = ""
    fold: str = ""


def listed(error: UserError, *, labels: Mapping[str, str] | None = None) -> str:
    """The problems of settings that came from elsewhere than the form.

    Each is named by the label that it has there, or else by its path.
    """
    known = labels or {}
    return show(
        Problem(
            message=message,
            label=known.get(path, ""),
            path="" if path in _NAMELESS else path,
        )
        for path, message in fields_of(error).items()
    )


def nameless(error: UserError) -> list[Problem]:
    """The problems of an error whose messages make sense without the names of settings."""
    return [Problem(message=message) for message in fields_of(error).values()]


def show(problems: Iterable[Problem], *, heading: str = "", reveal: bool = False) -> str:
    """The list. `reveal` has the page open and scroll to the field of the first."""
    return render("problems.html", problems=list(problems), heading=heading, reveal=reveal)
