"""What the Hub's client raises is told in words, also where a transfer tells of it its own way."""

import pytest
from hf_xet import XetAuthenticationError
from huggingface_hub.errors import OfflineModeIsEnabled

from core.errors import HubUnreachable, TokenRefused, UserError
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
