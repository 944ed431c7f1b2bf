"""Of a model of any make the last layers are trained, and a head that is new."""

from typing import Any

import pytest
from transformers import AutoModelForSequenceClassification

from core.errors import UserError
from core.train.freeze import freeze_all_but
from tests.core.train.tiny_models import tiny


def trained(model: Any) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3_moe", "mpt"])
def test_the_last_layers_are_trained(kind: str) -> None:
    model = tiny(kind)
    freeze_all_but(model, last=1)
    names = {name for name, _ in model.named_parameters()}
    assert trained(model) == {n for n in names if ".1." in n} != set()
    freeze_all_but(model, last=2)
    assert trained(model) == {n for n in names if ".0." in n or ".1." in n}


def test_a_new_head_is_trained_too() -> None:
    model = AutoModelForSequenceClassification.from_config(tiny("llama").config)
    freeze_all_but(model, last=1)
    assert "score.weight" in trained(model)


def test_more_layers_than_there_are_are_refused() -> None:
    with pytest.raises(UserError, match="has 2 layers") as caught:
        freeze_all_but(tiny("llama"), last=3)
    assert caught.value.field == "adapter.trainable_layers"
