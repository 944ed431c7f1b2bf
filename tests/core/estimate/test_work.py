"""The arithmetic of a step, against torch's own count of it."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from core.config.parse import parse_config
from core.estimate.model_shape import shape_of
from core.estimate.work import flops_per_token
from core.train.freeze import freeze_all_but

TOKENS = 64
SETTINGS = LlamaConfig(
    hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, vocab_size=512, tie_word_embeddings=True,
)  # fmt: skip


@pytest.mark.parametrize(
    "adapter",
    [{"kind": "lora"}, {"kind": "full"}, {"kind": "full", "trainable_layers": 1}],
    ids=str,
)
def test_the_work_is_near_what_torch_counts(adapter: dict[str, Any]) -> None:
    config = parse_config({"adapter": adapter})
    model = LlamaForCausalLM(SETTINGS)
    if config.adapter.last_layers is not None:
        freeze_all_but(model, last=config.adapter.last_layers)
    if config.adapter.has_adapter:
        # A frozen model whose inputs need a gradient, as with an adapter at its first layer.
        model.requires_grad_(False)
        model.enable_input_require_grads()
    ids = torch.randint(0, 512, (1, TOKENS))
    with FlopCounterMode(display=False) as counted:
        model(input_ids=ids, labels=ids).loss.backward()
    shape = shape_of(SETTINGS.to_dict(), parameters=model.num_parameters())
    told = flops_per_token(config, shape, mean_length=TOKENS, checkpointing=False)
    assert told * TOKENS == pytest.approx(counted.get_total_flops(), rel=0.15)
