"""Gradient checkpointing is left to memory: by the sum of what a step takes."""

from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, PreTrainedModel

from core.config.options import Precision, Switch
from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.train.arguments import choose_gradient_checkpointing
from core.train.memory import (
    FULL_BYTES,
    HALF_BYTES,
    StepMemory,
    longest_row,
    step_memory,
    token_bytes,
)

GB = 1024**3
SMOLLM2 = LlamaConfig(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True,
)  # fmt: skip
LLAMA_1B = LlamaConfig(
    hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
    num_key_value_heads=8, vocab_size=128256, tie_word_embeddings=True,
)  # fmt: skip
DPO = {"method": {"name": "dpo"}, "dataset": {"builtin": "facts_pairs"}}
FULL = {"adapter": {"kind": "full"}}


def weightless(config: PretrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def config_of(**sections: Any) -> RunConfig:
    return parse_config(sections)


def step_of(
    config: RunConfig,
    *,
    shape: PretrainedConfig = SMOLLM2,
    precision: Precision = Precision.FLOAT32,
    length: int = 1024,
    fused_head: bool = False,
) -> StepMemory:
    return step_memory(
        config, model=weightless(shape), precision=precision, length=length, fused_head=fused_head
    )


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
    config = config_of(
        training={"per_device_train_batch_size": rows}, adapter={"lora_dropout": dropout}
    )
    step = step_of(config, precision=precision, length=length, fused_head=True)
    assert 1 <= step.activations / (measured * 1e9) < 1.15


def test_with_trls_head_the_default_run_takes_what_it_was_seen_to_take() -> None:
    """33 GB for 8 rows of 1,024 tokens on SmolLM2-135M, 4 MB a token."""
    step = step_of(config_of())
    assert (step.rows, step.length) == (8, 1024)
    assert step.activations == pytest.approx(33e9, rel=0.05)
    assert step.weights == 134_515_008 * 4


@pytest.mark.parametrize(
    ("free", "chosen"), [(8, Switch.ON), (24, Switch.ON), (40, Switch.OFF), (80, Switch.OFF)]
)
def test_it_is_turned_off_where_the_step_fits(free: int, chosen: Switch) -> None:
    choice = choose_gradient_checkpointing(Switch.AUTO, step=step_of(config_of()), free=free * GB)
    assert choice.value == chosen
    assert choice.why == (
        f"8 × 1,024 tokens take about 30.5 GB beside 0.5 GB of weights; {free}.0 GB are free"
    )


def test_short_rows_fit_where_long_ones_do_not() -> None:
    step = step_of(config_of(), length=100)
    assert choose_gradient_checkpointing(Switch.AUTO, step=step, free=8 * GB).value == Switch.OFF


@pytest.mark.parametrize("wanted", [Switch.ON, Switch.OFF])
def test_what_a_person_chose_is_kept(wanted: Switch) -> None:
    choice = choose_gradient_checkpointing(wanted, step=step_of(config_of()), free=1)
    assert (choice.value, choice.why) == (wanted, "as you chose")


def test_pairs_count_both_answers_and_the_base() -> None:
    pairs, rows = step_of(config_of(**DPO)), step_of(config_of())
    assert (pairs.rows, rows.rows) == (16, 8)
    assert pairs.activations == pytest.approx(2 * rows.activations, rel=0.01)
    # With an adapter the base is the model without it; otherwise it is loaded beside it.
    assert pairs.weights == rows.weights
    assert step_of(config_of(**DPO, **FULL)).weights - step_of(config_of(**FULL)).weights == (
        rows.weights
    )


def test_all_weights_take_their_gradients_and_averages_too() -> None:
    step = step_of(config_of(**FULL), shape=LLAMA_1B)
    assert step.weights == 16 * weightless(LLAMA_1B).num_parameters()


@pytest.mark.parametrize(
    ("shape", "number_bytes", "dropout", "kept"),
    [
        # Bytes that torch's saved_tensors_hooks counted, a token and a layer.
        (SMOLLM2, FULL_BYTES, False, 40_428),
        (SMOLLM2, FULL_BYTES, True, 69_612),
        (SMOLLM2, HALF_BYTES, False, 29_692),
        (SMOLLM2, HALF_BYTES, True, 49_660),
        (LLAMA_1B, FULL_BYTES, False, 184_904),
        (LLAMA_1B, FULL_BYTES, True, 299_592),
        (LLAMA_1B, HALF_BYTES, False, 128_104),
        (LLAMA_1B, HALF_BYTES, True, 210_024),
    ],
)
def test_what_layers_keep_is_near_what_was_counted(
    shape: PretrainedConfig, number_bytes: int, dropout: bool, kept: int
) -> None:
    counted = token_bytes(shape, number_bytes=number_bytes, dropout=dropout)
    assert 1 <= counted / (kept * shape.num_hidden_layers) < 1.25


def test_of_experts_those_count_that_a_token_is_sent_to() -> None:
    few, many = (
        LlamaConfig(hidden_size=64, num_hidden_layers=1, intermediate_size=128) for _ in range(2)
    )
    many.num_experts_per_tok = 4
    sizes = [token_bytes(shape, number_bytes=1, dropout=False) for shape in (few, many)]
    assert sizes == [8 * 64 + 4 * 128, 8 * 64 + 4 * 4 * 128]


def test_the_longest_row_counts_and_not_what_is_allowed() -> None:
    rows = Dataset.from_dict({"input_ids": [[1] * 7, [1] * 30], "labels": [[1] * 7, [1] * 30]})
    assert longest_row(config_of(), rows) == 30
    assert longest_row(config_of(method={"name": "sft", "max_length": 8}), rows) == 8
    mixed = Dataset.from_dict({"input_ids": [[1] * 7, [1] * 30, [1] * 9]})
    # The second is held out, say.
    assert longest_row(config_of(), mixed.add_column("labels", [[1]] * 3).select([0, 2])) == 9
    packed = config_of(method={"name": "sft", "packing": True})
    assert longest_row(packed, rows) == 1024
    assert longest_row(config_of(), rows.to_iterable_dataset()) == 1024
    pairs = {"prompt_ids": [[1] * 5], "chosen_ids": [[1] * 3], "rejected_ids": [[1] * 9]}
    assert longest_row(config_of(**DPO), Dataset.from_dict(pairs)) == 14
