"""What the Hub's client raises is told in words, also where a transfer tells of it its own way."""

import httpx2
import pytest
from hf_xet import XetAuthenticationError
from huggingface_hub.errors import OfflineModeIsEnabled

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


def test_a_fault_of_our_own_is_not_taken_for_the_hubs() -> None:
    with pytest.raises(RecursionError), hub_errors("a model"):
        raise RecursionError
