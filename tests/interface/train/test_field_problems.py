"""What is wrong with the settings of the form, as soon as it is known."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_what_the_model_can_not_do_is_said_before_start(
    preview: Callable[..., dict[str, Any]],
) -> None:
    shown = preview(method__max_length=4096, adapter__lora_target_modules="query")
    assert "2 settings need attention." in shown["problems"]
    assert "has positions for 2,048 tokens" in shown["problems"]
    assert "has no layers named query" in shown["problems"]
    assert "max_length: 4096" in shown["yaml"]
