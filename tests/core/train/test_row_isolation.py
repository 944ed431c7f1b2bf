"""Rows are packed only in a model that keeps them apart, which is measured."""

from typing import Any

import pytest
import torch

from core.errors import UserError
from core.train.row_isolation import are_rows_isolated, require_isolated_rows
from tests.core.train.tiny_models import tiny


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3_moe"])
def test_attention_that_heeds_positions_isolates_rows(
    kind: str, attention: str, dtype: torch.dtype
) -> None:
    model = tiny(kind, attention=attention, dtype=dtype)
    assert are_rows_isolated(model)
    assert model.training


@pytest.mark.parametrize("kind", ["mpt", "opt", "mamba", "jamba", "lfm2"])
def test_what_lets_rows_read_each_other_is_refused(kind: str) -> None:
    """By attention without positions, by a state that is carried along, or by its own refusal."""
    with pytest.raises(UserError, match="can't separate rows") as caught:
        require_isolated_rows(tiny(kind), field="method.packing")
    assert caught.value.field == "method.packing"


def test_a_model_that_ignores_where_rows_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("gpt2")
    forward = model.forward

    def without_positions(**asked: Any) -> Any:
        return forward(**asked | {"position_ids": None})

    monkeypatch.setattr(model, "forward", without_positions)
    assert not are_rows_isolated(model)
