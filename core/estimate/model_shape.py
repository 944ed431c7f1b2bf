"""The sizes of a language model, from its config.json and the bytes of its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.hub.base_model import EXPERTS

# What families call the same size.
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
INTERMEDIATE = ("moe_intermediate_size", "intermediate_size", "n_inner", "ffn_dim", "d_ff")
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
KEY_HEADS = ("num_key_value_heads",)
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "moe_topk", "top_k_experts")
NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
GATED = 3
# Families whose feed-forward part has no gate, and so two matrices instead of three.
UNGATED_KINDS = ("gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "phi", "bloom", "falcon", "codegen")


class UnknownShape(UserError):
    """A model whose files do not say how large it is."""


@dataclass(frozen=True)
class ModelShape:
    """Widths in numbers; `parameters` are all weights, `matrices` those of a feed-forward part.

    `intermediate` is that of all experts together that a token is sent to; `experts` are how many
    there are, each of the `expert_intermediate`, in a mixture.
    """

    layers: int
    hidden: int
    intermediate: int
    matrices: int
    query_width: int
    key_width: int
    vocabulary: int
    parameters: int
    experts: int = 0
    expert_intermediate: int = 0

    @property
    def layer_parameters(self) -> int:
        """The weights of matrices that a token is multiplied with, without embedding and head."""
        attention = self.hidden * 2 * (self.query_width + self.key_width)
        return self.layers * (attention + self.matrices * self.hidden * self.intermediate)

    @property
    def head_parameters(self) -> int:
        return self.hidden * self.vocabulary

    def adapter_parameters(self, *, rank: int) -> int:
        """Of a LoRA on all linear layers: rank × (inputs + outputs) each."""
        attention = 4 * self.hidden + 2 * (self.query_width + self.key_width)
        feed_forward = self.matrices * (self.hidden + self.intermediate)
        return self.layers * rank * (attention + feed_forward)

    def expert_adapter_parameters(self, *, rank: int) -> int:
        """Of a LoRA on the matrices of each expert; peft gives two in one twice the rank."""
        down = self.hidden + self.expert_intermediate
        gated = self.matrices == GATED
        up = 2 * (self.hidden + 2 * self.expert_intermediate) if gated else down
        return self.layers * self.experts * rank * (up + down)

    @property
    def layer_outputs(self) -> int:
        """The numbers that the linear layers of one layer make of a token."""
        attention = self.query_width + 2 * self.key_width + self.hidden
        return attention + (self.matrices - 1) * self.intermediate + self.hidden


def shape_of(settings: Mapping[str, Any], *, parameters: int) -> ModelShape:
    """The shape of a model with so many weights. `settings` is its config.json.

    Raises UnknownShape where that does not say.
    """
    sizes = _of_text(settings)
    layers, hidden = _size(sizes, LAYERS, "layers"), _size(sizes, HIDDEN, "hidden size")
    heads = _size(sizes, HEADS, "attention heads")
    head_width = _optional(sizes, ("head_dim",)) or hidden // heads
    intermediate = _optional(sizes, INTERMEDIATE) or 4 * hidden
    return ModelShape(
        layers=layers,
        hidden=hidden,
        intermediate=intermediate * (_optional(sizes, EXPERTS_PER_TOKEN) or 1),
        matrices=2 if sizes.get("model_type") in UNGATED_KINDS else GATED,
        query_width=heads * head_width,
        key_width=(_optional(sizes, KEY_HEADS) or heads) * head_width,
        vocabulary=_size(sizes, ("vocab_size",), "vocabulary"),
        parameters=parameters,
        experts=_optional(sizes, EXPERTS) or 0,
        expert_intermediate=intermediate,
    )


def parameters_in(settings: Mapping[str, Any], *, weight_bytes: int) -> int:
    """How many weights a model's files hold, by their bytes and the number format of config.json.

    Raises UnknownShape where they are quantized.
    """
    sizes = _of_text(settings)
    stored = str(sizes.get("dtype") or sizes.get("torch_dtype") or "float32")
    number_bytes = NUMBER_BYTES.get(stored.removeprefix("torch."))
    if "quantization_config" in sizes or number_bytes is None:
        raise UnknownShape("Its weights are quantized, and how large they become isn't known.")
    return weight_bytes // number_bytes


def _of_text(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model for images and text, what concerns the text."""
    text = settings.get("text_config")
    return {**settings, **text} if isinstance(text, dict) else dict(settings)


def _size(settings: Mapping[str, Any], names: tuple[str, ...], words: str) -> int:
    found = _optional(settings, names)
    if found is None:
        raise UnknownShape(f"Its config.json doesn't state the {words}.")
    return found


def _optional(settings: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        found = settings.get(name)
        # Of models whose layers differ, the widest counts.
        widest = max(found) if isinstance(found, list) and found else found
        if isinstance(widest, int) and not isinstance(widest, bool) and widest > 0:
            return widest
    return None
