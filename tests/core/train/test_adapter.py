"""Layers that are named get an adapter, all of them, and one that can be merged."""

from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.config.model import AdapterSection
from core.errors import UserError
from core.train.adapter import adapter_errors, peft_config
from tests.core.train.tiny_models import tiny

TOKENS = torch.arange(24).reshape(2, 12)


def refusal(layers: str, model: PreTrainedModel) -> UserError:
    adapter = AdapterSection(lora_target_modules=layers)
    with pytest.raises(UserError) as caught, adapter_errors():
        get_peft_model(model, peft_config(adapter, model=model, revision=None))
    assert caught.value.field == "adapter.lora_target_modules"
    return caught.value


def test_no_name_is_passed_over() -> None:
    error = refusal("q_proj, qproj, v_proj, vproj", tiny("llama"))
    assert "no layers named qproj, vproj." in error.message
    assert "q_proj, up_proj" in error.hint
    assert "c_attn" in refusal("q_proj", tiny("gpt2")).hint
    assert "can't adapt" in refusal("self_attn", tiny("llama")).message


def test_what_could_not_be_trained_or_merged_is_refused() -> None:
    assert "output head" in refusal("q_proj, lm_head", tiny("llama")).message
    tied = tiny("llama", tie_word_embeddings=True)
    assert "could not be merged" in refusal("q_proj, embed_tokens", tied).message
    assert "could not be merged" in refusal("wte", tiny("gpt2")).message


@pytest.mark.parametrize(
    ("layers", "is_tied"),
    [
        ("all-linear", True),
        ("all-linear", False),
        ("q_proj, down_proj", True),
        ("embed_tokens, q_proj", False),
        ("model.layers.1.self_attn.v_proj", True),
    ],
)
def test_a_merged_model_answers_as_its_adapter_does(
    tmp_path: Path, layers: str, is_tied: bool
) -> None:
    model = tiny("llama", tie_word_embeddings=is_tied)
    before = model(TOKENS).logits
    adapter = AdapterSection(lora_target_modules=layers)
    adapted = get_peft_model(model, peft_config(adapter, model=model, revision=None)).eval()
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.1)
    with torch.no_grad():
        trained = adapted(TOKENS).logits
        adapted.merge_and_unload().save_pretrained(tmp_path / "merged")
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(TOKENS).logits
    assert not torch.allclose(trained, before, atol=1e-3)
    torch.testing.assert_close(merged, trained, rtol=1e-4, atol=1e-5)
