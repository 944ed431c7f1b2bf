"""Attending row by row gives what attending behind a mask does, and touches nothing else."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, PreTrainedModel
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from core.train.row_attention import attend_as_before, attend_by_row
from tests.core.train.tiny_models import tiny

ROWS = [list(range(5, 5 + length)) for length in (9, 3, 20, 1, 14)]
LONGEST = max(map(len, ROWS))


def batch() -> dict[str, Any]:
    collator = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    return dict(collator([{"input_ids": row} for row in ROWS]))


def learned(model: PreTrainedModel) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The logits of some rows end to end, and what each weight would learn of them."""
    model.zero_grad()
    output = model(**batch(), use_cache=False)
    output.loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return output.logits, gradients


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen3", "phi3", "gpt2", "qwen3_moe"])
def test_logits_and_gradients_are_those_behind_a_mask(kind: str, tmp_path: Path) -> None:
    model = tiny(kind, attention="sdpa").eval()  # Without dropout.
    masked, gradients = learned(model)
    assert attend_by_row(model, longest=LONGEST)
    by_row, own_gradients = learned(model)
    torch.testing.assert_close(by_row, masked, rtol=1e-4, atol=1e-5)
    assert own_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(own_gradients[name], gradient, rtol=1e-4, atol=1e-5)
    # What answers are generated with, padded in front, is as before.
    padded = {"input_ids": torch.tensor([[0, 0, 5, 6], [5, 6, 7, 8]])}
    padded["attention_mask"] = (padded["input_ids"] > 0).long()
    answers = model.generate(**padded, max_new_tokens=8, do_sample=False)
    model.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path)._attn_implementation != "sdpa_by_row"
    attend_as_before(model)
    assert torch.equal(model.generate(**padded, max_new_tokens=8, do_sample=False), answers)
    torch.testing.assert_close(learned(model)[0], masked, rtol=1e-5, atol=1e-6)


def test_what_is_more_than_causal_attention_stays_as_it_is() -> None:
    window = LONGEST - 1
    for model in (
        tiny("llama", attention="eager"),
        tiny("mistral", attention="sdpa", sliding_window=window),
        tiny("llama4_text", attention="sdpa", attention_chunk_size=window),
    ):
        before = model.config._attn_implementation
        assert not attend_by_row(model, longest=LONGEST)
        assert model.config._attn_implementation == before
    assert attend_by_row(tiny("mistral", attention="sdpa", sliding_window=window), longest=window)
