"""What a trainer could not go on for is a fact that others act on."""

import pytest

from core.errors import Gated, HubAway, HubUnreachable, NotFinite, UserError
from core.runs.events import Failure


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UserError("Row 3 is empty.", hint="Fill it in.", field="dataset.files"), "input"),
        (Gated("Its terms are not accepted.", field="model.name"), "gated"),
        (HubAway("No answer."), "no_network"),
        (HubUnreachable("Too many requests."), "no_network"),
        (NotFinite("NaN."), "not_finite"),
    ],
)
def test_an_error_of_a_trainer_becomes_its_cause(error: UserError, cause: str) -> None:
    failure = Failure.of(error)
    assert (failure.cause, failure.explanation) == (cause, error.message)
    assert (failure.field, failure.remedies) == (error.field, [error.hint] if error.hint else [])
