"""The head's log-probabilities and gradients are TRL's, for less work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM
from trl.kernels import ChunkedLogProbFunction
from trl.trainer import utils

from core.config.options import Switch
from core.estimate.memory import LOGITS_BYTES
from core.train.fused_head import (
    MEASURES,
    FrozenHeadLogProbs,
    choose_fused_head,
)

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


def gradient_of_sure_tokens(*, ours: bool, dtype: torch.dtype) -> torch.Tensor:
    """Of tokens that the model gives a probability of nearly one."""
    torch.manual_seed(0)
    weight, targets = 0.05 * torch.randn(2000, 64), torch.randint(2000, (32,))
    # The same numbers in either format.
    weight, targets_own = weight.bfloat16().float(), weight[targets]
    hidden = (torch.randn(32, 64) + 90 * targets_own).bfloat16().to(dtype).requires_grad_()
    if ours:
        log_probs, *_ = FrozenHeadLogProbs.apply(hidden, weight.to(dtype), targets, MEASURES)
    else:
        log_probs, *_ = ChunkedLogProbFunction.apply(
            hidden, weight.to(dtype), None, targets, 1.0, 512, None, 1.0, MEASURES
        )
    assert log_probs.exp().mean() > 0.9
    log_probs.sum().backward()
    assert hidden.grad is not None
    return hidden.grad.float()


def test_in_bfloat16_the_gradient_of_sure_tokens_is_as_exact_as_trls() -> None:
    exact = gradient_of_sure_tokens(ours=False, dtype=torch.float32)
    ours, theirs = (
        float((gradient_of_sure_tokens(ours=mine, dtype=torch.bfloat16) - exact).norm())
        for mine in (True, False)
    )
    assert ours < 1.1 * theirs
    assert theirs < 0.1 * float(exact.norm())


def test_it_is_chosen_for_a_processor_and_can_be_turned_off_and_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {name: getattr(utils, name) for name in ("_use_triton", "_ChunkedLogProbFunction")}
    for name, value in known.items():
        monkeypatch.setattr(utils, name, value)
    for wanted, before, chosen in (
        (Switch.AUTO, None, Switch.ON),
        (Switch.OFF, None, Switch.OFF),
        (Switch.AUTO, "off", Switch.OFF),
        (Switch.ON, "off", Switch.ON),
    ):
        assert choose_fused_head(wanted, before=before).value == chosen
        is_trls = utils._ChunkedLogProbFunction is ChunkedLogProbFunction
        assert is_trls == (chosen is Switch.OFF)
        assert utils._use_triton(torch.device("cpu")) == (chosen is Switch.ON)


def test_only_learned_positions_reach_the_head_and_twice_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_use_triton", "_ChunkedLogProbFunction"):
        monkeypatch.setattr(utils, name, getattr(utils, name))
    choose_fused_head(Switch.AUTO, before=None)
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
