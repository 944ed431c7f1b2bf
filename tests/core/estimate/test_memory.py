"""Peak memory: near what real runs took, by its parts."""

from typing import Any

import pytest

from core.config.options import Precision
from core.config.parse import parse_config
from core.estimate.memory import Memory, peak_memory
from core.estimate.model_shape import ModelShape, shape_of

SMOLLM2 = shape_of(
    {
        "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
    },
    parameters=134_515_008,
)  # fmt: skip
LLAMA_1B = shape_of(
    {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    },
    parameters=1_235_814_400,
)  # fmt: skip
DPO: dict[str, Any] = {"method": {"name": "dpo"}, "dataset": {"builtin": "facts_pairs"}}
FULL: dict[str, Any] = {"adapter": {"kind": "full"}}


def peak_of(
    *,
    shape: ModelShape = SMOLLM2,
    precision: Precision = Precision.FLOAT32,
    length: int = 1024,
    fused_head: bool = False,
    checkpointing: bool = False,
    **sections: Any,
) -> Memory:
    return peak_memory(
        parse_config(sections), shape, precision=precision, length=length,
        fused_head=fused_head, checkpointing=checkpointing, on_gpu=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "length", "precision", "dropout", "measured"),
    [
        # GB of resident memory at the peak beyond the loaded model, without checkpointing.
        (1, 256, Precision.FLOAT32, 0, 0.72),
        (1, 1024, Precision.FLOAT32, 0, 2.79),
        (4, 256, Precision.FLOAT32, 0, 2.84),
        (8, 256, Precision.FLOAT32, 0, 5.12),
        (4, 256, Precision.FLOAT32, 0.05, 3.65),
        (4, 256, Precision.BFLOAT16, 0, 1.87),
        (4, 1024, Precision.BFLOAT16, 0, 6.42),
    ],
)
def test_with_our_head_a_step_takes_what_was_measured(
    rows: int, length: int, precision: Precision, dropout: float, measured: float
) -> None:
    peak = peak_of(
        precision=precision, length=length, fused_head=True,
        training={"per_device_train_batch_size": rows}, adapter={"lora_dropout": dropout},
    )  # fmt: skip
    assert 1 <= (peak.activations + peak.logits) / (measured * 1e9) < 1.15


def test_all_weights_take_no_more_than_was_measured_by_half() -> None:
    peak = peak_of(length=256, fused_head=True, training={"per_device_train_batch_size": 4}, **FULL)
    # GB beyond the loaded model, in its second step.
    assert 1 <= (peak.training - peak.weights) / 3.61e9 < 1.5


def test_with_trls_head_the_default_run_takes_what_it_was_seen_to_take() -> None:
    """33 GB for 8 rows of 1,024 tokens on SmolLM2-135M, 4 MB a token."""
    peak = peak_of()
    assert (peak.rows, peak.length) == (8, 1024)
    assert peak.activations + peak.logits == pytest.approx(33e9, rel=0.05)
    assert peak.why == "8 × 1,024 tokens take about 30.5 GB beside 0.6 GB of weights"


def test_pairs_count_both_answers_and_the_base() -> None:
    pairs, rows = peak_of(**DPO), peak_of()
    assert (pairs.rows, rows.rows) == (16, 8)
    assert pairs.activations == 2 * rows.activations
    # With an adapter the base is the model without it; otherwise it is loaded beside it.
    assert pairs.weights == rows.weights
    assert peak_of(**DPO, **FULL).weights == 2 * peak_of(**FULL).weights


def test_a_method_counts_the_head_that_it_has() -> None:
    """The logits of all words at once, or one number for a text, or what the fused head holds."""
    pairs: dict[str, Any] = {"dataset": {"builtin": "facts_pairs"}}
    whole, fused, scores = (
        peak_of(method={"name": name}, fused_head=True, **pairs).logits
        for name in ("orpo", "dpo", "reward")
    )
    assert whole > 16 * 1024 * SMOLLM2.vocabulary * 4 + fused
    assert fused > scores == 0


def test_all_weights_take_their_gradients_and_averages_too() -> None:
    peak = peak_of(shape=LLAMA_1B, **FULL)
    states = (peak.weights, peak.gradients, peak.optimizer)
    assert states == tuple(each * LLAMA_1B.parameters for each in (4, 4, 8))
    light = peak_of(shape=LLAMA_1B, training={"optim": "sgd"}, **FULL)
    assert light.total == peak.total - peak.optimizer


def test_the_last_layers_alone_take_their_share() -> None:
    whole, half = peak_of(**FULL), peak_of(adapter={"kind": "full", "trainable_layers": 15})
    assert half.weights == whole.weights
    assert half.gradients == 4 * SMOLLM2.layer_parameters // 2
    assert half.activations == whole.activations // 2


def test_checkpointing_saves_the_inputs_of_layers_and_one_layer_at_a_time() -> None:
    saved, whole = peak_of(checkpointing=True), peak_of()
    assert saved.activations < whole.activations / 10
    assert (saved.weights, saved.logits) == (whole.weights, whole.logits)


@pytest.mark.parametrize(("length", "counted"), [(256, 151_871), (2048, 91_094)])
def test_dora_saves_outputs_and_weights_too(length: int, counted: int) -> None:
    """Bytes that torch's saved_tensors_hooks counted, a token and a layer."""
    # Without what allocators hold.
    peak = peak_of(
        length=length, fused_head=True, adapter={"use_dora": True},
        training={"per_device_train_batch_size": 1},
    )  # fmt: skip
    plain = peak_of(
        length=length, fused_head=True, training={"per_device_train_batch_size": 1}
    )  # fmt: skip
    more = (peak.activations - plain.activations) / (length * SMOLLM2.layers)
    assert more == pytest.approx(counted - 40_940, rel=0.02)
    assert peak.gradients - plain.gradients == 4 * SMOLLM2.layers * SMOLLM2.layer_outputs


def test_quantized_weights_are_counted_as_they_are_held() -> None:
    """As transformers' get_memory_footprint told of two layers of SmolLM2-135M."""
    two = shape_of(
        {
            "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 2,
            "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 1000,
        },
        parameters=8_232_768,
    )  # fmt: skip
    matrix = 4 * 576 * 1536
    for bits, footprint in (("4bit", 8_158_720), ("8bit", 11_697_664)):
        peak = peak_of(shape=two, model={"quantization": bits})
        held = peak.weights - peak.gradients - matrix
        assert held == pytest.approx(footprint, rel=0.02)
    assert (
        peak_of(shape=LLAMA_1B, model={"quantization": "4bit"}).total
        < peak_of(shape=LLAMA_1B).total
    )


def test_modules_that_are_trained_in_full_are_counted() -> None:
    whole = peak_of(shape=LLAMA_1B, adapter={"modules_to_save": "embed_tokens"})
    more = whole.gradients - peak_of(shape=LLAMA_1B).gradients
    assert more == 4 * LLAMA_1B.hidden * LLAMA_1B.vocabulary


@pytest.mark.parametrize(
    ("shape", "precision", "dropout", "counted"),
    [
        # Bytes that torch's saved_tensors_hooks counted, a token and a layer.
        (SMOLLM2, Precision.FLOAT32, False, 40_428),
        (SMOLLM2, Precision.FLOAT32, True, 69_612),
        (SMOLLM2, Precision.BFLOAT16, False, 29_692),
        (SMOLLM2, Precision.BFLOAT16, True, 49_660),
        (LLAMA_1B, Precision.FLOAT32, False, 184_904),
        (LLAMA_1B, Precision.FLOAT32, True, 299_592),
        (LLAMA_1B, Precision.BFLOAT16, False, 128_104),
        (LLAMA_1B, Precision.BFLOAT16, True, 210_024),
    ],
)
def test_what_layers_save_is_near_what_was_counted(
    shape: ModelShape, precision: Precision, dropout: bool, counted: int
) -> None:
    peak = peak_of(
        shape=shape, precision=precision, adapter={"lora_dropout": 0.1 if dropout else 0}
    )
    # Beyond that, allocators hold 2.2 times as much.
    saved = peak.activations / 2.2 / (peak.rows * peak.length * shape.layers)
    assert 1 <= saved / counted < 1.25
