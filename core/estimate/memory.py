"""Peak memory of training by its parts, counted from the model's shape, the batch and its rows."""

from dataclasses import dataclass

from core.config.options import Optimizer, Precision, Quantization
from core.config.run_config import RunConfig
from core.estimate.model_shape import ModelShape
from core.estimate.work import frozen_parameters
from core.hub.base_model import EMBEDDINGS, HEADS

# Numbers that a layer of a Llama saves of a token for the backward pass, by the width of its hidden
# state and by that of its feed-forward part. Counted by torch's saved tensors: in half precision
# norms and adapters save float32 beside it, three bytes a number and not two.
PER_HIDDEN, PER_INTERMEDIATE = 8, 4
FULL_BYTES, HALF_BYTES = 4, 3
# With dropout a LoRA saves what it made of the input of each of its seven layers, and the mask.
DROPOUT_PER_HIDDEN, DROPOUT_PER_INTERMEDIATE = 9, 1.5
# Of what each linear layer makes of a token DoRA saves so many copies more, and so many bytes of
# each weight: counted by torch's saved tensors, in float32, of SmolLM2-135M.
DORA_COPIES, DORA_BYTES = 2, 5
# TRL's language-model head takes tokens and words by the tile, in so many float32 copies of it.
HEAD_TOKENS, HEAD_WORDS, HEAD_COPIES = 4096, 32768, 8
# Seen to 33 GB counted to 15 with TRL's head: SmolLM2-135M, 8 rows of 1,024 tokens. Allocators hold
# what is free.
HELD = 2.2
# Our head takes a chunk of logits at a time, of so many bytes, in so many copies of it, and
# allocators hold less besides. Peaks of resident memory that were measured, in GB beyond the loaded
# model and counted, of SmolLM2-135M with a LoRA on a processor, rows by tokens: in float32 1 × 256
# 0.7 and 0.8, 1 × 1,024 2.8 and 3.0, 4 × 256 2.7 and 3.0, with dropout 3.7 and 4.0; in bfloat16
# 4 × 256 1.9 and 2.0, 4 × 1,024 6.4 and 6.7. What dropout saves is held once. A pair of DPO's is as
# two rows: 2 × 256 took 2.8. All weights take TRL's head, and took 3.6 with gradients and averages
# where 5.3 is counted.
LOGITS_BYTES = 128 * 1024**2
LOGITS_COPIES = 3
# Where a loss is computed from the logits of a whole batch: those, their softmax for each of two
# losses, and their gradient.
WHOLE_COPIES = 4
FULL_HELD, HALF_HELD = 2.0, 1.6
# Bytes of state that an optimizer has of each weight that it trains.
STATE_BYTES = {
    Optimizer.ADAMW: 8, Optimizer.ADAMW_FUSED: 8, Optimizer.ADAGRAD: 4, Optimizer.RMSPROP: 4,
    # Rows and columns alone.
    Optimizer.ADAFACTOR: 0, Optimizer.SGD: 0,
    Optimizer.ADAMW_8BIT: 2, Optimizer.LION: 4, Optimizer.LION_8BIT: 1, Optimizer.ADEMAMIX: 12,
    # What is paged is counted whole: it is moved only where it has to be.
    Optimizer.PAGED_ADAMW: 8, Optimizer.PAGED_ADAMW_8BIT: 2,
}  # fmt: skip
# Bytes of a quantized weight: 4 bits and, for each 64 of them, a scale of 8 bits.
BYTES = {Quantization.FOUR: 0.5 + 1 / 64, Quantization.EIGHT: 1.0}
# On a GPU TRL's kernel holds one tile in float32, and a second one for the gradient of a head that
# is trained (`ChunkedLogProbFunction` in trl/kernels); torch's allocator holds little besides. Not
# measured yet.
GPU_HELD = 1.1
# Resident memory of a trainer that has loaded its libraries and no model, as measured on a
# processor. A CUDA context takes about as much of a GPU.
OVERHEAD = 600 * 1024**2


@dataclass(frozen=True)
class Memory:
    """Bytes at the peak, by what takes them; `rows` of `length` tokens are the batch."""

    rows: int
    length: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    overhead: int

    @property
    def parts(self) -> dict[str, int]:
        """What takes how much, by name."""
        return {
            "weights": self.weights, "gradients": self.gradients, "optimizer": self.optimizer,
            "activations": self.activations, "logits": self.logits, "overhead": self.overhead,
        }  # fmt: skip

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    @property
    def training(self) -> int:
        """What training takes beyond a process that has loaded its libraries."""
        return self.total - self.overhead

    @property
    def why(self) -> str:
        return (
            f"{self.rows} × {self.length:,} tokens take about "
            f"{gigabytes(self.activations + self.logits)} beside "
            f"{gigabytes(self.weights + self.gradients + self.optimizer)} of weights"
        )


def peak_memory(
    config: RunConfig,
    shape: ModelShape,
    *,
    precision: str,
    length: int,
    fused_head: bool,
    checkpointing: bool,
    on_gpu: bool,
) -> Memory:
    """What a run takes at its peak, where no row is longer than `length` tokens.

    `fused_head` says that the language-model head is core/train/fused_head.py, or TRL's where it is
    trained itself, but in either case without what is not learned.
    """
    method, adapter = config.method, config.adapter
    rows = config.training.per_device_train_batch_size * method.sequences_a_row
    tokens = rows * length
    is_full = precision == Precision.FLOAT32
    if adapter.has_adapter:
        trained = _trained_beside(config, shape)
        weights = _frozen(config, shape, precision=precision) + 4 * trained
    else:
        trained = int(shape.parameters - frozen_parameters(config, shape))
        weights = 4 * shape.parameters * (1 + method.compares_with_base)
    is_stored_so = adapter.has_adapter and precision == Precision.BFLOAT16
    if not is_full and not is_stored_so and not config.model.quantized:
        # Layers in float32 save a copy of their weights in half precision for the backward pass.
        weights += 2 * shape.parameters
    number_bytes = FULL_BYTES if is_full else HALF_BYTES
    held = GPU_HELD if on_gpu else HELD
    if fused_head:
        held = FULL_HELD if is_full else HALF_HELD
    layer = _saved_of_a_layer(shape) * number_bytes * held
    copied = 0.0
    if adapter.has_adapter and adapter.use_dora:
        copied = DORA_BYTES * shape.layer_parameters
        layer += DORA_COPIES * shape.layer_outputs * number_bytes * (1 if fused_head else held)
    if adapter.has_adapter and adapter.lora_dropout > 0:
        layer += _saved_for_dropout(shape) * number_bytes * (1 if fused_head else held)
    # What comes before the first layer that is trained needs no gradient.
    saved = layer * min(adapter.last_layers or shape.layers, shape.layers)
    if checkpointing:
        # The input of each layer, and one layer at a time.
        saved = shape.layers * shape.hidden * number_bytes + layer
        copied /= shape.layers
    return Memory(
        rows=rows,
        length=length,
        weights=weights,
        gradients=4 * trained,
        optimizer=STATE_BYTES[config.training.optim] * trained,
        activations=int(tokens * saved + copied),
        logits=_logits(config, shape, tokens, fused_head=fused_head, on_gpu=on_gpu),
        overhead=OVERHEAD,
    )


def _frozen(config: RunConfig, shape: ModelShape, *, precision: str) -> int:
    """The bytes of the weights under an adapter; those of layers alone are quantized."""
    number = 2 if precision == Precision.BFLOAT16 else 4
    quantization = config.model.quantization
    if quantization is Quantization.NONE:
        return shape.parameters * number
    in_layers = min(shape.layer_parameters, shape.parameters)
    # A matrix at a time is made whole again.
    whole = shape.hidden * shape.intermediate * number
    return (shape.parameters - in_layers) * number + int(in_layers * BYTES[quantization]) + whole


def _trained_beside(config: RunConfig, shape: ModelShape) -> int:
    """The numbers that are trained beside frozen weights."""
    adapter = config.adapter
    whole = shape.head_parameters * len(set(adapter.whole_modules) & {*HEADS, *EMBEDDINGS})
    magnitudes = shape.layers * shape.layer_outputs if adapter.use_dora else 0
    experts = 0
    if adapter.expert_parameters:
        experts = shape.expert_adapter_parameters(rank=adapter.lora_r)
    return shape.adapter_parameters(rank=adapter.lora_r) + magnitudes + whole + experts


def gigabytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GB"


def _saved_of_a_layer(shape: ModelShape) -> float:
    return PER_HIDDEN * shape.hidden + PER_INTERMEDIATE * shape.intermediate


def _saved_for_dropout(shape: ModelShape) -> float:
    return DROPOUT_PER_HIDDEN * shape.hidden + DROPOUT_PER_INTERMEDIATE * shape.intermediate


def _logits(
    config: RunConfig, shape: ModelShape, tokens: int, *, fused_head: bool, on_gpu: bool
) -> int:
    method = config.method
    # An embedding may be the head as well.
    adapter = config.adapter
    is_trained = bool(set(adapter.whole_modules) & {*HEADS, *EMBEDDINGS})
    if not adapter.has_adapter:
        is_trained = adapter.last_layers is None
    held = GPU_HELD if on_gpu else HELD
    if method.scores:
        # The head of a score is one row of numbers.
        return 0
    if method.holds_logits:
        return int(held * WHOLE_COPIES * 4 * tokens * shape.vocabulary)
    if fused_head and not is_trained:
        # A chunk of them, as if all tokens were learned.
        return LOGITS_COPIES * min(4 * tokens * shape.vocabulary, LOGITS_BYTES)
    tile = 4 * min(tokens, HEAD_TOKENS) * min(shape.vocabulary, HEAD_WORDS)
    if on_gpu:
        return tile * (1 + is_trained)
    if fused_head:
        return HEAD_COPIES * tile
    # The base answers too, with tiles of its own, but saves nothing for a backward pass.
    return int(HELD * HEAD_COPIES * tile * (1 + method.has_reference))
