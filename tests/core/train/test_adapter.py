"""Layers that are named get an adapter, all of them, and one that can be merged."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.config.model import AdapterSection
from core.config.options import LoraInit
from core.errors import UserError
from core.estimate.model_shape import shape_of
from core.train.adapter import adapter_errors, keep_beginning, peft_config, save_on_base
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


def test_a_module_that_is_trained_in_full_is_one_of_the_models_and_is_meant() -> None:
    model = tiny("llama")
    with pytest.raises(UserError, match="no modules named wte") as caught:
        peft_config(AdapterSection(modules_to_save="norm, wte"), model=model, revision=None)
    assert caught.value.field == "adapter.modules_to_save"
    assert "embed_tokens" in caught.value.hint
    made = peft_config(AdapterSection(modules_to_save="norm"), model=model, revision=None)
    trained = [n for n, p in get_peft_model(model, made).named_parameters() if p.requires_grad]
    (norm,) = (name for name in trained if "lora_" not in name)
    assert norm.startswith("base_model.model.model.norm.")


def test_experts_that_the_model_lacks_are_refused() -> None:
    for kind, asked, hint in (
        ("llama", "all-experts", "Leave this empty"),
        ("mixtral", "mlp.experts.up", "mlp.experts.down_proj, mlp.experts.gate_up_proj"),
    ):
        adapter = AdapterSection(target_parameters=asked)
        with pytest.raises(UserError, match=f"no experts named {asked}") as caught:
            peft_config(adapter, model=tiny(kind), revision=None)
        assert caught.value.field == "adapter.target_parameters"
        assert hint in caught.value.hint


def test_the_adapters_of_experts_learn_and_are_as_many_as_is_forecast() -> None:
    model = tiny("mixtral")
    shape = shape_of(model.config.to_dict(), parameters=model.num_parameters())
    adapter = AdapterSection(lora_r=4, target_parameters="all-experts")
    adapted = get_peft_model(model, peft_config(adapter, model=model, revision=None))
    experts = {
        name: weight
        for name, weight in adapted.named_parameters()
        if weight.requires_grad and ".experts." in name
    }
    assert sum(w.numel() for w in experts.values()) == shape.expert_adapter_parameters(rank=4)
    adapted(input_ids=TOKENS, labels=TOKENS).loss.backward()
    assert all(bool(w.grad.any()) for name, w in experts.items() if "lora_B" in name)


def test_a_rank_that_the_layers_are_too_narrow_for_is_refused() -> None:
    adapter = AdapterSection(lora_r=33, init_lora_weights="pissa")
    with pytest.raises(UserError, match="width of 32") as caught:
        peft_config(adapter, model=tiny("llama"), revision=None)
    assert caught.value.field == "adapter.lora_r"


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        *({"init_lora_weights": start} for start in LoraInit),
        {"init_lora_weights": "pissa", "use_rslora": True},
        {"use_rslora": True},
        {"use_dora": True},
        {"modules_to_save": "lm_head"},
        {"modules_to_save": "embed_tokens, norm", "use_dora": True},
        {"target_parameters": "all-experts"},
        {"target_parameters": "mlp.experts.down_proj", "use_rslora": True},
    ],
    ids=str,
)
def test_whatever_an_adapter_begins_as_it_is_saved_as_one_for_its_base(
    tmp_path: Path, settings: dict[str, Any], is_tied: bool
) -> None:
    """It begins where the base is, and alone on that base it answers as it did when trained."""
    model = tiny(
        "mixtral" if "target_parameters" in settings else "llama", tie_word_embeddings=is_tied
    )
    model.save_pretrained(tmp_path / "base")
    before = model(TOKENS).logits.detach()
    adapter = AdapterSection(lora_r=8, **settings)
    adapted = get_peft_model(model, peft_config(adapter, model=model, revision=None)).eval()
    torch.testing.assert_close(adapted(TOKENS).logits, before, rtol=1e-4, atol=1e-5)
    if adapter.changes_base:
        keep_beginning(adapted, tmp_path / "beginning")
    chance = torch.Generator().manual_seed(0)
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data += 0.05 * torch.randn(weight.shape, generator=chance)
    with torch.no_grad():
        trained = adapted(TOKENS).logits
        adapted.save_pretrained(tmp_path / "adapter")
        if adapter.changes_base:
            save_on_base(adapted, tmp_path / "adapter", beginning=tmp_path / "beginning")
        base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
        loaded = PeftModel.from_pretrained(base, str(tmp_path / "adapter")).eval()
        alone = loaded(TOKENS).logits
        loaded.merge_and_unload().save_pretrained(tmp_path / "merged")
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(TOKENS).logits
    assert not torch.allclose(trained, before, atol=1e-3)
    torch.testing.assert_close(alone, trained, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(merged, trained, rtol=1e-4, atol=1e-5)
    assert not (tmp_path / "beginning").exists()


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
