"""The base model, from this machine or the Hub."""

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.config.options import Precision
from core.config.run_config import RunConfig
from core.train.tokenizer import ModelSource, load_errors


def load_model(config: RunConfig, *, source: ModelSource, precision: str) -> PreTrainedModel:
    """The base model in the number format that its training needs. Raises UserError."""
    with load_errors(config.model):
        model = AutoModelForCausalLM.from_pretrained(
            source.path,
            revision=source.revision,
            local_files_only=source.is_offline,
            dtype=_weights_dtype(config, precision),
            trust_remote_code=False,
            use_safetensors=True,
        )
    model.config.use_cache = False
    return model


def _weights_dtype(config: RunConfig, precision: str) -> torch.dtype:
    """Frozen weights may be stored in bfloat16; weights that are trained need float32's digits."""
    if config.adapter.has_adapter and precision == Precision.BFLOAT16:
        return torch.bfloat16
    return torch.float32
