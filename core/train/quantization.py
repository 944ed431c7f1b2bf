"""Frozen weights in fewer bits while an adapter is trained: QLoRA, https://arxiv.org/abs/2305.14314

bitsandbytes has kernels for a processor too.
"""

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from core.config.options import Precision, Quantization

COMPUTE = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}


def quantization_config(quantization: Quantization, *, precision: str) -> BitsAndBytesConfig | None:
    """How transformers loads the base, where that is quantized; `precision` is computed in."""
    if quantization is Quantization.NONE:
        return None
    if quantization is Quantization.EIGHT:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=COMPUTE.get(Precision(precision), torch.float32),
    )


def keep_trainable(model: nn.Module) -> None:
    """Have the layers of a quantized model be trained through, also after an evaluation.

    On a processor with bfloat16 bitsandbytes (0.50) would lay the weights out anew at the first
    look without gradients, for a kernel that has no backward pass: from then on no gradient would
    come through, and nothing would tell.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def keep_trained_exact(model: nn.Module) -> None:
    """Have what is trained in float32, as over any base: TRL makes it bfloat16 over a quantized."""
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
