"""Log-probabilities of the learned tokens on a processor, for less work than TRL's.

TRL never holds the logits of a whole batch either (`add_fused_lm_head` in trl/trainer/utils.py).
But only on a GPU does it leave out the positions that are not learned, prompts and padding, and it
computes the logits twice: once for the loss and once more for the gradient. With a small model and
a large vocabulary that is most of a step.
"""

from collections.abc import Iterator
from typing import Any

import torch
from trl.kernels import ChunkedLogProbFunction
from trl.trainer import utils

from core.config.options import Switch
from core.config.resolved import Choice
from core.estimate.memory import LOGITS_BYTES

_TRL_USES_TRITON = utils._use_triton
# What is computed of each token beside its log-probability, as TRL names it.
MEASURES = ("log_probs", "entropy", "mean_logits", "is_top1")


def choose_fused_head(wanted: Switch, *, before: object) -> Choice:
    """Whether TRL's trainers compute log-probabilities with this module from now on, and why.

    `before` is what this became when the run began, if it did.
    """
    if wanted is not Switch.AUTO:
        choice = Choice(value=wanted, why="as you chose")
    elif before is not None:
        choice = Choice(value=str(before), why="as when this run began")
    elif torch.accelerator.is_available():
        choice = Choice(value=Switch.OFF, why="TRL's own is made for a GPU")
    else:
        choice = Choice(value=Switch.ON, why="on a processor it is less work than TRL's own")
    is_on = choice.value == Switch.ON
    # The names that `add_fused_lm_head` looks up at each step.
    utils._use_triton = _leaves_out_unlearned if is_on else _TRL_USES_TRITON
    utils._ChunkedLogProbFunction = _FusedHead if is_on else ChunkedLogProbFunction
    return choice


def _leaves_out_unlearned(_: torch.device) -> bool:
    """Asked by TRL as if it were whether there is Triton."""
    return True


class _FusedHead:
    @staticmethod
    def apply(
        hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
        targets: torch.Tensor, temperature: float, chunk_size: int, softcap: float | None,
        logit_scale: float, outputs: tuple[str, ...],
    ) -> Any:  # fmt: skip
        """Ours where the head is a frozen matrix and nothing more, otherwise TRL's."""
        is_plain = bias is None and softcap is None and temperature == 1.0 and logit_scale == 1.0
        if is_plain and not weight.requires_grad and set(outputs) <= set(MEASURES):
            return FrozenHeadLogProbs.apply(hidden, weight, targets, outputs)
        return ChunkedLogProbFunction.apply(
            hidden, weight, bias, targets, temperature, chunk_size, softcap, logit_scale, outputs
        )


class FrozenHeadLogProbs(torch.autograd.Function):
    """TRL's ChunkedLogProbFunction, for a head that is not trained.

    A token's log-probability depends on the hidden state at its own position alone. Its derivative,
    `(onehot(target) - softmax(logits)) @ weight`, is computed while the logits are at hand, and the
    backward pass only scales it. Liger Kernel does the same with the loss
    (https://arxiv.org/abs/2410.10989, section 3.2).
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,  # [tokens, hidden size]
        weight: torch.Tensor,  # [vocabulary, hidden size]
        targets: torch.Tensor,  # [tokens]
        outputs: tuple[str, ...],
    ) -> tuple[torch.Tensor | None, ...]:
        """As TRL's: log-probabilities, entropy, a measure that is left out, mean logits, is top 1.

        All of shape [tokens], and all but the first without a gradient.
        """
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        weight = weight.to(dtype)
        log_probs, entropy, mean_logits = hidden.new_empty((3, len(hidden)), dtype=torch.float32)
        is_top1 = torch.empty(len(hidden), dtype=torch.bool, device=hidden.device)
        derivative = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for rows in _chunks(len(hidden), vocabulary=len(weight)):
            logits = (hidden[rows].to(dtype) @ weight.t()).float()
            target = targets[rows].unsqueeze(-1)
            mean_logits[rows] = logits.mean(-1)
            largest, index = logits.max(-1, keepdim=True)
            is_top1[rows] = (index == target).squeeze(-1)
            logits -= largest
            exponentials = logits.exp()
            total = exponentials.sum(-1, keepdim=True)
            log_total = total.log()
            log_probs[rows] = (logits.gather(-1, target) - log_total).squeeze(-1)
            expected = torch.linalg.vecdot(exponentials, logits).unsqueeze(-1) / total
            entropy[rows] = (log_total - expected).squeeze(-1)
            if derivative is not None:
                # Of a sure token the two nearly cancel: what is rounded is the difference.
                difference = exponentials.div_(-total)
                difference.scatter_add_(-1, target, torch.ones_like(log_total))
                derivative[rows] = (difference.to(dtype) @ weight).to(hidden.dtype)
        ctx.save_for_backward(derivative)
        ctx.mark_non_differentiable(entropy, mean_logits, is_top1)
        return (
            log_probs,
            entropy if "entropy" in outputs else None,
            None,
            mean_logits if "mean_logits" in outputs else None,
            is_top1 if "is_top1" in outputs else None,
        )

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
        (derivative,) = ctx.saved_tensors
        if derivative is None:
            return None, None, None, None
        return grad.unsqueeze(-1).to(derivative.dtype) * derivative, None, None, None


def _chunks(tokens: int, *, vocabulary: int) -> Iterator[slice]:
    size = max(1, LOGITS_BYTES // (4 * vocabulary))
    for start in range(0, tokens, size):
        yield slice(start, start + size)
