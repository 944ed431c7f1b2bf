"""What goes wrong in words that a person can act on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class UserError(Exception):
    """Something a person can put right.

    `message` says what is wrong, `hint` what to do next, and `field` is the setting it concerns
    ("dataset.name"), or None when it concerns no single one.
    """

    def __init__(self, message: str, hint: str = "", field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidConfig(UserError):
    """Settings that can't make a run.

    `fields` maps each setting at fault to its message; "" stands for none.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        listed = " ".join(
            f"{name}: {message}".removeprefix(": ") for name, message in self.fields.items()
        )
        first = next(filter(None, self.fields), None)
        super().__init__(listed, field=first)


class HubUnreachable(UserError):
    """The Hub gave no good answer, and may give one later: it is away, busy, or at fault."""


class HubAway(HubUnreachable):
    """The Hub is not there at all: no network, or it restarts."""


class TokenRefused(UserError):
    """The Hub does not take this token, or not for this."""


class Gated(UserError):
    """The Hub gives it only to those who accepted its terms."""


class NotFinite(UserError):
    """The training came to a loss or weights that are NaN or infinite."""


def fields_of(error: UserError) -> dict[str, str]:
    """The message for each setting that an error concerns; "" stands for none."""
    return error.fields if isinstance(error, InvalidConfig) else {error.field or "": str(error)}


@contextmanager
def at_field(field: str) -> Iterator[None]:
    """Have errors that name no setting name this one."""
    try:
        yield
    except UserError as error:
        error.field = error.field or field
        raise
