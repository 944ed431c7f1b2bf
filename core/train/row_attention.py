"""Attention within each row, where rows lie end to end, on a processor.

transformers' sdpa separates such rows by a mask over all pairs of their tokens, and computes the
pairs that the mask then hides. Row by row there is no mask, and nothing to hide. On a GPU flash
attention does the same (https://arxiv.org/abs/2307.08691, as "variable length").
"""

from itertools import pairwise
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME, PLAIN = "sdpa_by_row", "sdpa"
# Layers whose attention a row's own length describes, as long as it is within their window.
LAYERS = {"full_attention", "sliding_attention"}


def attend_by_row(model: PreTrainedModel, *, longest: int) -> bool:
    """Have the model attend row by row, if that is all there is to its attention, and say so.

    `longest` is the length of the longest row, in tokens. What is not rows end to end, as in
    generation, is attended to as before.
    """
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    is_plain = (
        model.config._attn_implementation == PLAIN
        and set(getattr(config, "layer_types", None) or LAYERS) <= LAYERS
        and (window is None or longest <= window)
    )
    if is_plain and not torch.accelerator.is_available():
        ALL_ATTENTION_FUNCTIONS.register(NAME, _attention)
        ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, _mask)
        model.set_attn_implementation(NAME)
    return bool(model.config._attn_implementation == NAME)


def attend_as_before(model: PreTrainedModel) -> None:
    if model.config._attn_implementation == NAME:
        model.set_attn_implementation(PLAIN)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor | None = None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """`cu_seq_lens_q` are the places at which rows begin, and the end, as TRL's collator says."""
    parts = (query, key, value)
    if cu_seq_lens_q is None or attention_mask is not None:
        attended, _ = sdpa_attention_forward(module, *parts, attention_mask, **settings)
        return attended, None
    rows = [
        sdpa_attention_forward(module, *(part[:, :, start:end] for part in parts), None, **settings)
        for start, end in pairwise(cu_seq_lens_q.tolist())
    ]
    return torch.cat([attended for attended, _ in rows], dim=1), None


def _mask(
    *args: Any,
    attention_mask: torch.Tensor | None = None,
    allow_is_causal_skip: bool = True,
    **settings: Any,
) -> torch.Tensor | None:
    """None for rows end to end: those alone have neither a mask nor leave to be plainly causal."""
    if attention_mask is None and not allow_is_causal_skip:
        return None
    mask: torch.Tensor | None = sdpa_mask(
        *args, attention_mask=attention_mask, allow_is_causal_skip=allow_is_causal_skip, **settings
    )
    return mask
