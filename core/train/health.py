"""Whether a training can still come to something: its loss and its weights are numbers."""

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.errors import NotFinite, UserError

# A single step may be bad by chance, and the next ones good again.
BAD_STEPS = 3
# By chance all answers of a few steps score alike.
ALIKE_STEPS = 10
# A loss that is so many times its best, and above where it began, for so long is no bad luck.
DIVERGED_TIMES, DIVERGED_STEPS = 3, 20
# How much a loss counts in the average that is looked at: of the last ten or so.
_NEWEST = 0.1


class LossWatch(TrainerCallback):
    """Ends a training whose loss stays NaN or infinite, or that learns nothing from the start.

    `may_be_zero` says that a step may well teach nothing, and the next one does. Raises UserError
    out of the step after which that is plain.
    """

    def __init__(self, *, may_be_zero: bool = False) -> None:
        self._bad = 0
        self._has_begun = may_be_zero

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        self._bad = 0 if math.isfinite(logs["loss"]) else self._bad + 1
        if self._bad == BAD_STEPS:
            raise NotFinite(
                f"The loss was NaN or infinite {BAD_STEPS} times in a row, up to step "
                f"{state.global_step}.",
                hint="Lower `training.learning_rate`, or set `hardware.precision` to bfloat16 or "
                "float32.",
            )
        if not self._has_begun and logs["loss"] == 0 and logs.get("grad_norm") == 0:
            raise UserError(
                "Nothing is learned: the loss and its gradient are exactly 0 from the start.",
                hint="Look in the preview which tokens are learned.",
            )
        self._has_begun = True


class DivergenceWatch(TrainerCallback):
    """Warns once of a loss that has risen far above its best, and stays there."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._smoothed: float | None = None
        self._first = self._best = math.inf
        self._bad = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or not math.isfinite(loss):
            return
        if self._smoothed is None:
            self._smoothed = self._first = loss
        self._smoothed += _NEWEST * (loss - self._smoothed)
        self._best = min(self._best, self._smoothed)
        has_risen = self._smoothed > max(DIVERGED_TIMES * self._best, self._first)
        self._bad = self._bad + 1 if has_risen and self._best > 0 else 0
        if self._bad == DIVERGED_STEPS:
            self._warn(
                f"The loss is rising: around step {state.global_step} it is {self._smoothed:.3g}, "
                f"more than {DIVERGED_TIMES} times its best of {self._best:.3g}. Lower "
                "`training.learning_rate`."
            )


class RewardWatch(TrainerCallback):
    """Warns once of rewards by which nothing has been learned so far, or that fell silent.

    Only what tells the answers to a prompt apart teaches.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._alike = 0
        self._told = False

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        share = (logs or {}).get("frac_reward_zero_std")
        if share is None or self._told:
            return
        self._alike = self._alike + 1 if share == 1 else 0
        if self._alike == ALIKE_STEPS:
            self._told = True
            self._warn(
                f"For {ALIKE_STEPS} steps up to step {state.global_step}, all answers to a prompt "
                "got the same rewards, so nothing was learned: add a reward to `method.rewards` "
                "that better answers get more of, or raise `method.temperature`."
            )


def require_finite(model: torch.nn.Module) -> None:
    """Raises UserError when a weight that was trained is NaN or infinite."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not bool(torch.isfinite(weight).all()):
            raise NotFinite(
                f"The trained weights are not usable: {name} has NaN or infinite values.",
                hint="Lower `training.learning_rate`, and train again.",
            )
