"""Waiting for a condition rather than for a time."""

import time
from collections.abc import Callable
from typing import Any

WAIT_SECONDS = 120


def wait_until(condition: Callable[[], Any], *, seconds: float = WAIT_SECONDS) -> Any:
    """What the condition returns once it is true; fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"This did not come true within {seconds} s.")
