"""The head's log-probabilities and gradients are TRL's, for less work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM
from trl.kernels import ChunkedLogProbFunction
from trl.trainer import utils

from core.train.fused_head import LOGITS_BYTES, MEASURES, FrozenHeadLogProbs, use_fused_head

TOKENS, WIDTH, VOCABULARY = 37, 16, 300
PRODUCT = 2 * WIDTH * VOCABULARY


def measured(*, ours: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The measures of each token, and the gradient of their log-probabilities' weighted sum."""
    torch.manual_seed(1)
    hidden = torch.randn(TOKENS, WIDTH, requires_grad=True)
    weight, targets = torch.randn(VOCABULARY, WIDTH), torch.randint(VOCABULARY, (TOKENS,))
    if ours:
        found = FrozenHeadLogProbs.apply(hidden, weight, targets, MEASURES)
    else:
        found = ChunkedLogProbFunction.apply(
            hidden, weight, None, targets, 1.0, 128, None, 1.0, MEASURES
        )
    (found[0] * torch.arange(TOKENS)).sum().backward()
    assert hidden.grad is not None
    return [each for each in found if each is not None], hidden.grad


def test_a_frozen_heads_numbers_are_trls(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, their_gradient = measured(ours=False)
    for held_tokens in (TOKENS, 10):
        monkeypatch.setattr("core.train.fused_head.LOGITS_BYTES", 4 * VOCABULARY * held_tokens)
        ours, gradient = measured(ours=True)
        assert len(ours) == len(theirs) == len(MEASURES)
        for mine, its in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient, their_gradient, rtol=1e-4, atol=1e-4)
    assert LOGITS_BYTES >= 4 * 200_000, "a token's logits fit, whatever the vocabulary"


def test_only_learned_positions_reach_the_head_and_twice_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_use_triton", "_ChunkedLogProbFunction"):
        monkeypatch.setattr(utils, name, getattr(utils, name))
    use_fused_head()
    size = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1}
    model = LlamaForCausalLM(
        LlamaConfig(**size, num_attention_heads=1, vocab_size=VOCABULARY, pad_token_id=0)
    )
    model.lm_head.weight.requires_grad_(False)
    utils.add_fused_lm_head(model, outputs=MEASURES)
    tokens = torch.arange(1, TOKENS + 1).unsqueeze(0)

    def work(*, learned: int) -> int:
        labels = tokens.clone()
        labels[:, : TOKENS - learned] = -100
        with FlopCounterMode(display=False) as counted:
            model(input_ids=tokens, labels=labels, fused_lm_head=True).loss.backward()
        return int(counted.get_total_flops())

    assert work(learned=30) - work(learned=10) == 2 * PRODUCT * 20
