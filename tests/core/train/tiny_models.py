"""Models of a few thousand weights, of several architectures, that need no files."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

SIZES: dict[str, Any] = {
    "vocab_size": 260, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
COMMON: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2,
}  # fmt: skip
OF_KIND: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128},
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 2},
    "jamba": COMMON | {"attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False},
    "lfm2": COMMON | {"layer_types": ["conv", "full_attention"]},
}


def tiny(kind: str, *, dtype: torch.dtype = torch.float32, **settings: Any) -> PreTrainedModel:
    """A model of this type with random weights."""
    torch.manual_seed(0)
    attention = settings.pop("attention", "eager")
    config = AutoConfig.for_model(kind, **{**SIZES, **OF_KIND.get(kind, COMMON), **settings})
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=dtype)
