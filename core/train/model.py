"""The base model, from this machine or the Hub."""

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.config.conflicts import layer_names
from core.config.model import AdapterSection
from core.config.options import AdapterKind, Precision
from core.config.run_config import RunConfig
from core.errors import UserError
from core.train.tokenizer import ModelSource, load_errors


def load_model(config: RunConfig, *, source: ModelSource, precision: str) -> PreTrainedModel:
    """The model as it will be trained: whole, or frozen with a LoRA adapter."""
    with load_errors(config.model):
        model = AutoModelForCausalLM.from_pretrained(
            source.path,
            revision=source.revision,
            local_files_only=source.is_offline,
            dtype=_weights_dtype(config.adapter.kind, precision),
            trust_remote_code=False,
            use_safetensors=True,
        )
    model.config.use_cache = False
    if config.adapter.kind is AdapterKind.LORA:
        return _with_adapter(model, config.adapter, revision=source.revision)
    return model


def _weights_dtype(kind: AdapterKind, precision: str) -> torch.dtype:
    """Frozen weights may be stored in bfloat16; weights that are trained need float32's digits."""
    if kind is AdapterKind.LORA and precision == Precision.BFLOAT16:
        return torch.bfloat16
    return torch.float32


def _with_adapter(
    model: PreTrainedModel, adapter: AdapterSection, *, revision: str | None
) -> PreTrainedModel:
    names = layer_names(adapter)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.lora_r,
        lora_alpha=adapter.lora_alpha,
        lora_dropout=adapter.lora_dropout,
        target_modules="all-linear" if names == ["all-linear"] else names,
        revision=revision,
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise UserError(
            f"This model has no layers named {adapter.lora_target_modules}.",
            hint="Use all-linear, or names as the model's page shows them.",
            field="adapter.lora_target_modules",
        ) from error
