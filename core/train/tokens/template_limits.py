"""What a chat template may take: it is a program that came with the model."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jinja2 import TemplateSyntaxError
from jinja2.exceptions import SecurityError

from core.errors import UserError

SECONDS = 10.0
# Far fewer than any template lays out in a second.
CHARACTERS_PER_SECOND = 50_000
# From here on it may be the rows that take so much memory.
MANY_CHARACTERS = 1_000_000


class _TookTooLong(BaseException):
    """Not an Exception: jinja passes over those while it compiles a template."""


@contextmanager
def template_faults(model_name: str, *, characters: int = 0) -> Iterator[None]:
    """Tell what is wrong with a template itself, and not with the rows that it lays out.

    `characters` is how much it lays out: for none it has SECONDS of the processor's time.
    Raises UserError at model.chat_template.
    """
    seconds = SECONDS + characters / CHARACTERS_PER_SECOND
    try:
        with _within(seconds):
            yield
    except _TookTooLong:
        told = f"did not come to an end within {seconds:.0f} seconds"
        raise _fault(model_name, told) from None
    except SecurityError as error:
        raise _fault(model_name, f"tries what no template may: {error}") from error
    except TemplateSyntaxError as error:
        raise _fault(model_name, f"is no valid template: {error.message}") from error
    except OverflowError as error:
        raise _fault(model_name, f"counts too far: {error}") from error
    except MemoryError as error:
        if characters > MANY_CHARACTERS:
            raise
        raise _fault(model_name, "takes more memory than there is") from error


def _fault(model_name: str, told: str) -> UserError:
    return UserError(
        f"The chat template of {model_name} {told.rstrip('.')}.",
        hint="Set `model.chat_template` to `plain` or `chatml`, or choose another model.",
        field="model.chat_template",
    )


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Only the main thread can be told that its time is up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Of the processor's time: a busy machine must not make a template look endless.
    before = signal.signal(signal.SIGVTALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _time_is_up(_: int, __: FrameType | None) -> None:
    raise _TookTooLong
