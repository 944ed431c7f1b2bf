"""How the Hub's client sends its requests: in time, and to Hubs that are not huggingface.co."""

import re
from typing import Any

import httpx2
from huggingface_hub.utils._http import hf_request_event_hook

from core.hub.deadline import (
    NoAnswer,
    PunctualStream,
    deadline_now,
    limit,
    refuse_a_long_rest,
)
from core.hub.lacks import NO_CARD_CHECK, is_unknown, tell_lack

# What a 404 at an address that every Hub has means. The client goes by the code alone.
_REPOSITORY = r"/api/(models|datasets|spaces)/[^/]+/[^/]+"
CODES = {
    re.compile(rf"{_REPOSITORY}$"): "RepoNotFound",
    re.compile(rf"{_REPOSITORY}/revision/[^/]+$"): "RevisionNotFound",
    re.compile(r"/(resolve|tree)/[^/]+/.+$"): "EntryNotFound",
}
CARD_CHECK = "/api/validate-yaml"


def hub_session() -> httpx2.Client:
    return _HubSession(
        event_hooks={"request": [hf_request_event_hook]}, follow_redirects=True, timeout=None
    )


class _HubSession(httpx2.Client):
    """Never waits for ever: not for a byte, and with a deadline not for all of an answer."""

    def send(
        self, request: httpx2.Request, *, stream: bool = False, **more: Any
    ) -> httpx2.Response:
        end = deadline_now()
        limit(request, end=end)
        try:
            response = super().send(request, stream=True, **more)
            if end is not None:
                response.stream = PunctualStream(response.stream, end=end)
            if not stream:
                _read(response)
        except httpx2.TimeoutException as error:
            if end is None and request.method != "POST":
                # A transfer: what has arrived of it is not lost when the client tries again.
                raise
            # It would try again, and wait as long five more times.
            raise NoAnswer(f"No answer to {request.method} {request.url}") from error
        refuse_a_long_rest(response, end=end)
        return _understood(response)


def _read(response: httpx2.Response) -> None:
    try:
        response.read()
    except BaseException:
        response.close()
        raise


def _understood(response: httpx2.Response) -> httpx2.Response:
    """The answer as the Hub's client understands it."""
    if not is_unknown(response):
        return response
    path = response.request.url.path
    if path.endswith(CARD_CHECK):
        # The client insists on it before an upload with a card.
        tell_lack(NO_CARD_CHECK)
        return httpx2.Response(200, json={}, request=response.request)
    code = next((code for known, code in CODES.items() if known.search(path)), None)
    if response.status_code == 404 and code is not None:
        response.headers["X-Error-Code"] = code
    return response
