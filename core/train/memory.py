"""What a training step needs of memory: counted from the model, the batch and the longest row."""

from dataclasses import dataclass

import pyarrow.compute as pc
import torch
from datasets import Dataset, IterableDataset
from transformers import PretrainedConfig, PreTrainedModel

from core.config.options import Precision
from core.config.run_config import RunConfig
from core.machine.hardware import processor
from core.train.fused_head import LOGITS_BYTES

# Numbers that a layer of a Llama saves of a token for the backward pass, by the width of its hidden
# state and by that of its feed-forward part. Counted by torch's saved tensors: in half precision
# norms and adapters save float32 beside it, three bytes a number and not two.
PER_HIDDEN, PER_INTERMEDIATE = 8, 4
FULL_BYTES, HALF_BYTES = 4, 3
# With dropout a LoRA saves what it made of the input of each of its seven layers, and the mask.
DROPOUT_PER_HIDDEN, DROPOUT_PER_INTERMEDIATE = 9, 1.5
# TRL's language-model head takes tokens and words by the tile, in so many float32 copies of it.
HEAD_TOKENS, HEAD_WORDS, HEAD_COPIES = 4096, 32768, 8
# Seen to 33 GB counted to 15 with TRL's head: SmolLM2-135M, 8 rows of 1,024 tokens. Allocators hold
# what is free.
HELD = 2.2
# Our head takes a chunk of logits, in so many copies of it, and allocators hold less besides. Peaks
# of resident memory that were measured, in GB beyond the loaded model and counted, of SmolLM2-135M
# with a LoRA on a processor, rows by tokens: in float32 1 × 256 0.7 and 0.8, 1 × 1,024 2.8 and 3.0,
# 4 × 256 2.7 and 3.0, with dropout 3.7 and 4.0; in bfloat16 4 × 256 1.9 and 2.0, 4 × 1,024 6.4 and
# 6.7. What dropout saves is held once. A pair of DPO's is as two rows: 2 × 256 took 2.8.
LOGITS_COPIES = 3
FULL_HELD, HALF_HELD = 2.0, 1.6
# Of each weight that is trained: its gradient and Adam's two averages, in float32.
TRAINED_BYTES = 12


@dataclass(frozen=True)
class StepMemory:
    """Bytes that a step takes without gradient checkpointing, and the batch that takes them."""

    rows: int
    length: int
    weights: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.activations

    @property
    def why(self) -> str:
        return (
            f"{self.rows} × {self.length:,} tokens take about {gigabytes(self.activations)} "
            f"beside {gigabytes(self.weights)} of weights"
        )


def step_memory(
    config: RunConfig, *, model: PreTrainedModel, precision: str, length: int, fused_head: bool
) -> StepMemory:
    """What a step of this run takes, where no row is longer than `length`.

    `fused_head` says that the language-model head is ours and not TRL's, where it is not trained.
    """
    method, adapter = config.method, config.adapter
    rows = config.training.per_device_train_batch_size * method.sequences_a_row
    is_full = precision == Precision.FLOAT32
    number_bytes = FULL_BYTES if is_full else HALF_BYTES
    has_dropout = adapter.has_adapter and adapter.lora_dropout > 0
    token = token_bytes(model.config, number_bytes=number_bytes, dropout=has_dropout)
    tokens = rows * length
    if fused_head and adapter.has_adapter:
        plain = token_bytes(model.config, number_bytes=number_bytes, dropout=False)
        held = (FULL_HELD if is_full else HALF_HELD) * plain + (token - plain)
        activations = int(tokens * held) + fused_head_bytes(model.config, tokens=tokens)
    else:
        # The base answers too, with tiles of its own, but saves nothing for a backward pass.
        heads = head_bytes(model.config, tokens=tokens) * (1 + method.has_reference)
        activations = int(HELD * (tokens * token + heads))
    weights = sum(weight.nbytes for weight in model.parameters())
    if not adapter.has_adapter:
        weights *= 1 + method.has_reference
        weights += TRAINED_BYTES * model.num_parameters()
    return StepMemory(rows=rows, length=length, weights=weights, activations=activations)


def token_bytes(config: PretrainedConfig, *, number_bytes: int, dropout: bool) -> int:
    """What the layers save of a token for the backward pass."""
    layers, hidden, intermediate = _widths(config.get_text_config())
    numbers: float = PER_HIDDEN * hidden + PER_INTERMEDIATE * intermediate
    if dropout:
        numbers += DROPOUT_PER_HIDDEN * hidden + DROPOUT_PER_INTERMEDIATE * intermediate
    return int(layers * numbers * number_bytes)


def fused_head_bytes(config: PretrainedConfig, *, tokens: int) -> int:
    """What our language-model head takes at once: a chunk of logits, as if all were learned."""
    words = int(config.get_text_config().vocab_size)
    return LOGITS_COPIES * min(4 * tokens * words, LOGITS_BYTES)


def head_bytes(config: PretrainedConfig, *, tokens: int) -> int:
    """What TRL's language-model head takes at once."""
    words = int(config.get_text_config().vocab_size)
    return HEAD_COPIES * 4 * min(tokens, HEAD_TOKENS) * min(words, HEAD_WORDS)


def longest_row(config: RunConfig, rows: Dataset | IterableDataset) -> int:
    """Tokens of the longest row, or as many as there can be where that is not known."""
    most = config.method.max_length
    if config.method.packs or not isinstance(rows, Dataset):
        return most
    longest = {
        name: _longest(rows, name) for name in config.method.columns if name.endswith("_ids")
    }
    # A prompt comes before each of the answers.
    return min(most, longest.pop("prompt_ids", 0) + max(longest.values()))


def _longest(rows: Dataset, column: str) -> int:
    lengths = pc.list_value_length(rows.data.column(column))
    if (chosen := rows._indices) is not None:
        # Of the table, only these rows are trained on.
        lengths = lengths.take(chosen.column(0))
    return pc.max(lengths).as_py() or 0


def free_memory() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return processor().memory_free


def gigabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GB"


def _widths(text: PretrainedConfig) -> tuple[int, int, int]:
    """Layers, hidden width and feed-forward width; of one that does not say, as of 7 billion."""
    layers = getattr(text, "num_hidden_layers", None) or 32
    hidden = getattr(text, "hidden_size", None) or 4096
    width = getattr(text, "intermediate_size", None) or getattr(text, "n_inner", None)
    width = getattr(text, "moe_intermediate_size", None) or width or 4 * hidden
    widest = max(width) if isinstance(width, list) else width
    # Of a mixture of experts, those count that a token is sent to.
    return layers, hidden, widest * (getattr(text, "num_experts_per_tok", None) or 1)
