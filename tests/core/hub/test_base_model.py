"""What a model's files and its config.json say against a run, before anything is downloaded."""

from typing import Any

import pytest

from core.config.parse import parse_config
from core.errors import InvalidConfig, UserError
from core.hub import base_model
from core.hub.base_model import adapter_bases, positions, require_trainable, require_weights
from core.machine.hardware import devices

LLAMA = {"model_type": "llama"}
WEIGHTS = [
    "model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.mlp.down_proj.weight", "model.norm.weight",
]  # fmt: skip
LAYERS = "adapter.lora_target_modules"


def faults(settings: dict[str, Any], **sections: Any) -> dict[str, str]:
    sections["model"] = {"name": "acme/base"} | sections.get("model", {})
    config = parse_config(sections)
    try:
        require_trainable(settings, config, weights=lambda: WEIGHTS)
    except InvalidConfig as error:
        return error.fields
    return {}


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, None),
        ({"max_position_embeddings": 2048}, 2048),
        ({"n_positions": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 8192}}, 8192),
        (
            {
                "max_position_embeddings": 32768,
                "rope_scaling": {
                    "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768
                },
            },
            131072,
        ),
        (
            {
                "max_position_embeddings": 4096,
                "rope_parameters": {"rope_type": "linear", "factor": 2},
            },
            8192,
        ),
        # Llama 3's own count has its stretching in it already.
        (
            {
                "max_position_embeddings": 131072,
                "rope_scaling": {
                    "rope_type": "llama3", "factor": 32.0, "original_max_position_embeddings": 8192
                },
            },
            131072,
        ),
    ],
)  # fmt: skip
def test_positions_are_counted_with_their_stretching(
    settings: dict[str, Any], most: int | None
) -> None:
    assert positions(settings) == most


def test_more_tokens_than_positions_are_refused() -> None:
    settings = LLAMA | {"max_position_embeddings": 512}
    told = faults(settings, method={"max_length": 513})
    assert told == {"method.max_length": "acme/base has positions for 512 tokens. Set it to 512 "
                    "or less."}  # fmt: skip
    assert faults(settings, method={"max_length": 512}) == {}


def test_code_is_needed_only_where_transformers_has_none() -> None:
    code = {"auto_map": {"AutoModelForCausalLM": "model.Own"}}
    assert faults(LLAMA | code) == {}
    for settings in (code, code | {"model_type": "own"}):
        assert "code of its own" in faults(settings)["model.name"]
    assert "no causal language model" in faults({"model_type": "t5"})["model.name"]


@pytest.mark.parametrize(
    ("architecture", "is_tied", "is_whole"),
    [
        ("LlamaForCausalLM", False, True),
        ("LlamaForSequenceClassification", False, False),
        ("LlamaForSequenceClassification", True, False),
        ("LlamaModel", False, False),
        ("LlamaModel", True, True),
        ("LlamaModel", None, True),
        ("GPT2LMHeadModel", False, True),
    ],
)
def test_a_model_without_its_head_is_refused(
    architecture: str, is_tied: bool | None, is_whole: bool
) -> None:
    told = faults(LLAMA | {"architectures": [architecture], "tie_word_embeddings": is_tied})
    if is_whole:
        assert told == {}
    else:
        assert "without the head of a language model" in told["model.name"]
    # It gets a new head where it is to give scores.
    settings = LLAMA | {"architectures": [architecture], "tie_word_embeddings": is_tied}
    assert faults(settings, method={"name": "reward"}) == {}


def test_a_kind_that_has_no_scores_is_refused_for_them() -> None:
    reward = {"method": {"name": "reward"}}
    assert faults({"model_type": "codegen"}) == {}
    assert "no model with a score" in faults({"model_type": "codegen"}, **reward)["model.name"]
    assert "no causal language model" in faults({"model_type": "t5"}, **reward)["model.name"]


def test_quantized_weights_need_what_computes_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(quantization: dict[str, Any], **sections: Any) -> dict[str, str]:
        return faults(LLAMA | {"quantization_config": quantization}, **sections)

    bits = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    monkeypatch.setitem(base_model.QUANTIZED, "bitsandbytes", ("not_installed", True))
    assert "needs the package not_installed" in told(bits)["model.name"]
    assert told({"load_in_8bit": True}) == told(bits)
    assert "already" in told(bits, model={"quantization": "4bit"})["model.quantization"]
    assert "can't be trained here" in told({"quant_method": "mxfp4"})["model.name"]
    # As if it was installed.
    monkeypatch.setitem(base_model.QUANTIZED, "bitsandbytes", ("json", True))
    monkeypatch.setitem(base_model.QUANTIZED, "aqlm", ("json", False))
    assert told(bits) == {}
    assert told(bits, adapter={"kind": "full"}).keys() == {"adapter.kind"}
    assert told(bits, output={"weights": "both"}).keys() == {"output.weights"}
    on_this_machine = told({"quant_method": "aqlm"})
    assert bool(on_this_machine) == (devices()[0].kind == "cpu")
    assert "needs a GPU" in on_this_machine.get("model.name", "needs a GPU")


def test_experts_are_adapted_in_a_mixture_alone() -> None:
    experts = {"target_parameters": "all-experts"}
    told = faults(LLAMA, adapter=experts)
    assert "no mixture of experts" in told["adapter.target_parameters"]
    assert faults(LLAMA | {"num_local_experts": 8}, adapter=experts) == {}


def test_more_layers_than_the_model_has_are_refused() -> None:
    last = {"kind": "full", "trainable_layers": 3}
    assert faults(LLAMA | {"num_hidden_layers": 3}, adapter=last) == {}
    told = faults(LLAMA | {"num_hidden_layers": 2}, adapter=last)
    assert "has 2 layers" in told["adapter.trainable_layers"]
    assert faults(LLAMA | {"num_hidden_layers": 2}, adapter=last | {"kind": "lora"}) == {}


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ("lm_head, embed_tokens, norm", None),
        ("mlp", None),
        ("model.norm", None),
        ("norms", "no modules named norms. Name some of: down_proj, embed_tokens"),
    ],
)
def test_modules_that_the_model_lacks_are_refused(modules: str, words: str | None) -> None:
    told = faults(LLAMA, adapter={"modules_to_save": modules})
    assert told == {} if words is None else words in told["adapter.modules_to_save"]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("q_proj, qproj", "no layers named qproj."),
        ("model.layers.0.self_attn.q_proj", None),
        ("q_proj, lm_head", "output head, which can't"),
        ("q_proj, embed_tokens", "output head of this model as well"),
        ("all-linear", None),
    ],
)
def test_layers_that_can_t_be_adapted_are_refused(layers: str, words: str | None) -> None:
    told = faults(LLAMA, adapter={"lora_target_modules": layers})
    assert told == {} if words is None else words in told[LAYERS]
    # Its layers have other names once they are loaded.
    assert faults(LLAMA | {"num_experts": 8}, adapter={"lora_target_modules": layers}) == {}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"adapter_config.json": 1, "adapter_model.safetensors": 9}, "is an adapter"),
        ({"base.Q4_K_M.gguf": 9}, "GGUF files alone"),
        ({"pytorch_model.bin": 9}, "no safetensors files"),
    ],
)
def test_what_is_no_model_to_train_is_named(files: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        require_weights("acme/other", files, bases=["acme/base"])
    assert caught.value.field == "model.name"
    assert ("acme/base" in caught.value.hint) == ("pytorch_model.bin" not in files)


def test_weights_are_counted_beside_an_adapter_or_gguf() -> None:
    files = {"config.json": 1, "adapter_config.json": 1, "a.gguf": 5, "model.safetensors": 9}
    assert require_weights("acme/base", files, bases=[]) == 9
    sharded = {f"model-0000{number}-of-00002.safetensors": number for number in (1, 2)}
    beside = {
        "consolidated.safetensors": 3,
        "adapter_model.safetensors": 1,
        "onnx/a.safetensors": 3,
    }
    assert require_weights("acme/base", sharded | beside, bases=[]) == 3
    with pytest.raises(UserError, match="no safetensors files"):
        require_weights("acme/base", beside, bases=[])


@pytest.mark.parametrize("value", [None, 7, "x", [], [1], {}, {"factor": float("inf")}, True])
def test_a_strangers_file_may_hold_anything(value: object) -> None:
    names = (
        "text_config", "rope_scaling", "rope_parameters", "quantization_config",
        "max_position_embeddings", "num_experts", "architectures",
    )  # fmt: skip
    for name in names:
        settings = {"rope_type": "yarn", name: value}
        faults(LLAMA | {"max_position_embeddings": 2048} | settings, method={"max_length": 8})
    faults({"model_type": value, "architectures": ["Llama", value]})


def test_an_adapters_base_is_a_repository() -> None:
    assert adapter_bases({"base_model_name_or_path": "acme/base"}) == ["acme/base"]
    assert adapter_bases({"base_model_name_or_path": "/home/ada/base"}) == []
    assert adapter_bases({}) == []
