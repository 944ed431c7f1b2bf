"""How long the Hub may take. Its own client waits for ever, and tries again for minutes."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import httpx2
from huggingface_hub.utils._http import hf_raise_for_status, parse_ratelimit_headers

from core.settings import hub_seconds

LOOKS = ("GET", "HEAD")
# What its client tries again after, and after how long the Hub says.
BUSY = (429, 503)
# A commit takes longer than a look, and a call may take several requests, and retries of them.
PATIENCE = 4
# For a call without a deadline: a transfer.
LONGEST_REST_SECONDS = 300.0

_end: ContextVar[float | None] = ContextVar("_end", default=None)


class NoAnswer(httpx2.TransportError):
    """The Hub took too long. Of a kind after which its client does not try again."""


@contextlib.contextmanager
def deadline(seconds: float | None = None) -> Iterator[None]:
    """All that is asked of the Hub here, in this thread, must be answered within so many seconds.

    Within another deadline, the earlier one counts.
    """
    end = time.monotonic() + (PATIENCE * hub_seconds() if seconds is None else seconds)
    known = _end.get()
    before = _end.set(end if known is None else min(end, known))
    try:
        yield
    finally:
        _end.reset(before)


def deadline_now() -> float | None:
    """When the deadline is that counts here, in monotonic seconds."""
    return _end.get()


def is_over() -> bool:
    """Whether nothing more can be asked of the Hub here."""
    end = deadline_now()
    return end is not None and time.monotonic() >= end


class PunctualStream(httpx2.SyncByteStream):
    """The bytes of an answer, of which each may come in time and all of them too late."""

    def __init__(self, stream: Any, *, end: float) -> None:
        self._stream = stream
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            yield part
            if time.monotonic() > self._end:
                raise NoAnswer("The answer did not end in time")

    def close(self) -> None:
        self._stream.close()


def limit(request: httpx2.Request, *, end: float | None) -> None:
    """Set how long to wait for each step of a request; the client's own limits may be shorter."""
    wait = hub_seconds() * (1 if request.method in LOOKS else PATIENCE)
    left = wait if end is None else end - time.monotonic()
    if left <= 0:
        raise NoAnswer(f"No time is left for {request.method} {request.url}")
    given: dict[str, float | None] = request.extensions.get("timeout", {})
    waits = {step: given.get(step) or wait for step in ("connect", "read", "write", "pool")}
    if end is not None:
        waits = {step: min(seconds, left) for step, seconds in waits.items()}
    request.extensions = {**request.extensions, "timeout": waits}


def refuse_a_long_rest(response: httpx2.Response, *, end: float | None) -> None:
    """Raise the refusal at once where the client would wait too long before it tries again."""
    if response.status_code not in BUSY:
        return
    limits = parse_ratelimit_headers(response.headers)
    asked = response.headers.get("Retry-After", "").strip()
    if limits is not None and limits.remaining == 0:
        rest = limits.reset_in_seconds
    else:
        rest = int(asked) if asked.isdigit() else 0
    if rest > (LONGEST_REST_SECONDS if end is None else end - time.monotonic()):
        response.read()
        hf_raise_for_status(response)
