"""What a run does without is not loaded."""

import sys
from importlib.util import find_spec
from typing import Any

import pytest

from core.config.parse import parse_config
from core.train.left_out import leave_out_bitsandbytes


@pytest.mark.parametrize(
    ("sections", "is_there"),
    [
        ({}, False),
        ({"model": {"quantization": "4bit"}}, True),
        ({"training": {"optim": "adamw_bnb_8bit"}}, True),
        # It may be stored in fewer bits.
        ({"model": {"name": "acme/large"}}, True),
    ],
)
def test_bitsandbytes_is_found_where_it_may_be_needed(
    monkeypatch: pytest.MonkeyPatch, sections: dict[str, Any], is_there: bool
) -> None:
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    leave_out_bitsandbytes(parse_config(sections))
    assert (find_spec("bitsandbytes") is not None) == is_there
    sys.modules.pop("bitsandbytes", None)
