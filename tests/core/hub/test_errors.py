"""What the Hub's client raises is told in words, also where a transfer tells of it its own way."""

import httpx2
import pytest
from hf_xet import XetAuthenticationError
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._http import hf_raise_for_status

from core.errors import HubAway, HubUnreachable, TokenRefused, UserError
from core.hub.errors import hub_errors


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (XetAuthenticationError("no"), TokenRefused, "does not accept this token"),
        (
            RuntimeError("Data processing error: cut"),
            HubUnreachable,
            "was interrupted: Data processing",
        ),
        (RuntimeError("CAS: 402 Payment Required"), UserError, "requires payment"),
        (ConnectionError("reset"), HubUnreachable, "was interrupted: reset"),
        # Those that a restart explains are waited out for longer.
        (httpx2.ConnectError("refused"), HubAway, "did not respond to a request about a model"),
        (RuntimeError("CAS: 503 Service Unavailable"), HubAway, "not available right now"),
        (RuntimeError("CAS: 500 Internal Server Error"), HubUnreachable, "internal error"),
        (OfflineModeIsEnabled("off"), HubUnreachable, "did not respond to a request about a model"),
    ],
)
def test_every_error_is_told(error: Exception, kind: type[UserError], words: str) -> None:
    with pytest.raises(UserError, match=words) as told, hub_errors("a model"):
        raise error
    assert type(told.value) is kind


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (
            403,
            "The account is suspended.",
            TokenRefused,
            "no permission for a copy of acme/bot.",
        ),
        (404, "Not Found", UserError, "does not know a copy of acme/bot, or can't do this."),
        (405, "Not allowed", UserError, "can't do this: a copy of acme/bot"),
        (409, "ada/bot exists.", UserError, "has a copy of acme/bot already."),
        (409, "A commit came first.", HubUnreachable, "Someone else wrote to"),
        (413, "At most 5 GB.", UserError, "The upload is too large for this Hub."),
        (422, "No such licence.", UserError, "refused a copy of acme/bot"),
        (501, "Not implemented", UserError, "can't do this: a copy of acme/bot"),
        (507, "Full", UserError, "has no storage left"),
        (500, "w" * 1000, HubUnreachable, "had an internal error"),
    ],
)
def test_a_refusal_has_its_remedy_and_the_servers_own_words(
    status: int, said: str, kind: type[UserError], words: str
) -> None:
    request = httpx2.Request("POST", "http://hub.test/api/x")
    response = httpx2.Response(status, json={"error": said}, request=request)
    with pytest.raises(UserError) as told, hub_errors("a copy of acme/bot"):
        hf_raise_for_status(response)
    assert type(told.value) is kind
    assert words in told.value.message
    assert f"The Hub says: {said[:300]}" in told.value.message
    assert len(str(told.value)) < 600
    assert told.value.hint


@pytest.mark.parametrize(
    ("method", "path", "access"),
    [
        ("GET", "/api/models/acme/bot", "read"),
        ("POST", "/api/models/acme/bot/commit/main", "write"),
        ("GET", "/api/models/acme/bot/xet-write-token/main", "write"),
    ],
)
def test_a_token_needs_the_right_that_it_was_refused_for(
    method: str, path: str, access: str
) -> None:
    request = httpx2.Request(method, f"http://hub.test{path}")
    response = httpx2.Response(403, json={"error": "No."}, request=request)
    with pytest.raises(TokenRefused, match=f"Use one with {access} access"), hub_errors("a model"):
        hf_raise_for_status(response)


def test_a_fault_of_our_own_is_not_taken_for_the_hubs() -> None:
    with pytest.raises(RecursionError), hub_errors("a model"):
        raise RecursionError
