"""The sizes of a model, of any family, from its config.json."""

import pytest

from core.estimate.model_shape import UnknownShape, parameters_in, shape_of

LLAMA = {
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip


def test_families_name_the_same_sizes_differently() -> None:
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "model_type": "gpt2"}
    shape = shape_of(gpt2, parameters=124_439_808)
    assert (shape.layers, shape.hidden, shape.intermediate) == (12, 768, 3072)
    # Twelve times the square of its width a layer, as the family's papers count.
    assert shape.layer_parameters == 12 * 12 * 768**2
    llama = shape_of(LLAMA, parameters=1)
    assert (llama.query_width, llama.key_width) == (2048, 512)
    # All but the embedding, which is its head, and the norms.
    assert llama.layer_parameters + llama.head_parameters == pytest.approx(1_235_814_400, rel=1e-3)
    assert shape_of({"text_config": LLAMA}, parameters=1) == llama
    # Of rank 16, as peft counts for all linear layers of Llama 3.2 1B.
    assert llama.adapter_parameters(rank=16) == 11_272_192


def test_of_experts_those_count_that_a_token_is_sent_to() -> None:
    experts = LLAMA | {"moe_intermediate_size": 100, "num_experts_per_tok": 4}
    assert shape_of(experts, parameters=1).intermediate == 400


@pytest.mark.parametrize(
    ("without", "words"),
    [("hidden_size", "hidden size"), ("num_hidden_layers", "layers"), ("vocab_size", "vocabulary")],
)
def test_what_is_not_stated_is_not_made_up(without: str, words: str) -> None:
    settings = {name: value for name, value in LLAMA.items() if name != without}
    for stranger in (settings, settings | {without: "many"}, settings | {without: True}):
        with pytest.raises(UnknownShape, match=f"doesn't state the {words}"):
            shape_of(stranger, parameters=1)


def test_weights_are_counted_by_their_bytes() -> None:
    assert parameters_in({"dtype": "bfloat16"}, weight_bytes=200) == 100
    assert parameters_in({"torch_dtype": "float32"}, weight_bytes=200) == 50
    assert parameters_in({}, weight_bytes=200) == 50
    with pytest.raises(UnknownShape, match="quantized"):
        parameters_in({"quantization_config": {"bits": 4}}, weight_bytes=200)
