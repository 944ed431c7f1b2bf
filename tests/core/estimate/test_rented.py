"""What to rent where a run does not fit."""

from pathlib import Path
from typing import Any

import pytest

from core.config.parse import parse_config
from core.estimate.forecast import Rows
from core.estimate.rented import RENTED, cheapest_that_fits
from tests.core.estimate.test_memory import FULL, LLAMA_1B

ROWS = Rows(training=320, evaluation=64, mean=600, longest=1024)
HUGE = {
    "hardware": {"gradient_checkpointing": "off"},
    "training": {"per_device_train_batch_size": 128},
}


@pytest.mark.parametrize(
    ("sections", "name"), [({}, "Nvidia T4"), (FULL, "Nvidia L40S"), (FULL | HUGE, None)]
)
def test_the_cheapest_that_has_the_memory_is_named(
    tmp_path: Path, sections: dict[str, Any], name: str | None
) -> None:
    found = cheapest_that_fits(parse_config(sections), LLAMA_1B, ROWS, home=tmp_path)
    assert (found.name if found else None) == name


def test_the_cheapest_comes_first() -> None:
    assert list(RENTED) == sorted(RENTED, key=lambda rented: rented.price)
