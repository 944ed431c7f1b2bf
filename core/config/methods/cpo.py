"""Contrastive Preference Optimization: DPO's loss without a base model (arXiv:2401.08417).

TRL's trainer of it computes SimPO's too (arXiv:2405.14734), and AlphaPO's (arXiv:2501.03884).
"""

from enum import StrEnum
from typing import ClassVar, Literal

from core.config.methods.settings import MethodMetric, PairSettings
from core.config.setting import setting


class CpoLoss(StrEnum):
    """The losses of TRL's CPOTrainer, by its names."""

    SIGMOID = "sigmoid"
    HINGE = "hinge"
    IPO = "ipo"
    SIMPO = "simpo"


class CpoSettings(PairSettings):
    title: ClassVar = "Contrastive Preference Optimization (CPO)"
    about: ClassVar = (
        "Learns to prefer the better of two answers as DPO does, without a base model to compare "
        "with: made for translation, where both answers are good and one is better. One of its "
        "losses is SimPO's, of mean log-probabilities: long answers have no advantage. Wants "
        "pairs: a prompt with a chosen and a rejected answer. Experimental in TRL: it may change "
        "with its next release."
    )
    metrics: ClassVar = (
        MethodMetric("rewards/accuracies", "Reward accuracy"),
        MethodMetric("rewards/margins", "Reward margin", kind="reward_margin"),
        MethodMetric("nll_loss", "Loss of chosen answers", kind="loss"),
    )
    learning_rates: ClassVar = (1e-5, 5e-4)
    # Those of TRL's example, examples/scripts/cpo.py.
    adapter_learning_rate: ClassVar = 8e-5
    full_learning_rate: ClassVar = 8e-6

    name: Literal["cpo"] = "cpo"
    cpo_alpha: float = setting(
        1.0, label="CPO alpha", ge=0, le=100,
        help="Weight of learning the chosen answers, beside preferring them. SimPO's paper has 0.",
    )  # fmt: skip
    cpo_loss_type: CpoLoss = setting(
        CpoLoss.SIGMOID, label="CPO loss",
        help="TRL's `loss_type`: `sigmoid` is the loss of the CPO paper, `simpo` that of SimPO.",
    )  # fmt: skip
    simpo_gamma: float = setting(
        0.5, label="SimPO margin", ge=0, le=100,
        help="How much higher the reward of a chosen answer should be. In SimPO's paper 0.3 to "
        "1.6, with a beta of 2 or more.",
        shown_when={"method.cpo_loss_type": (CpoLoss.SIMPO,)},
    )  # fmt: skip
    alphapo_alpha: float = setting(
        0.0, label="AlphaPO alpha", ge=-10, le=10,
        help="TRL's `alpha`: the shape of the reward in SimPO. 0 is SimPO itself.",
        shown_when={"method.cpo_loss_type": (CpoLoss.SIMPO,)},
    )  # fmt: skip

    @property
    def measures(self) -> tuple[MethodMetric, ...]:
        """TRL computes the loss of chosen answers where it counts."""
        return self.metrics if self.cpo_alpha > 0 else self.metrics[:-1]

    @property
    def description(self) -> str:
        if self.cpo_loss_type is not CpoLoss.SIMPO:
            return self.title
        return "AlphaPO" if self.alphapo_alpha else "Simple Preference Optimization (SimPO)"

    @property
    def shape(self) -> float:
        """TRL's `alpha`: a power that is infinite of the sums of other losses."""
        return self.alphapo_alpha if self.cpo_loss_type is CpoLoss.SIMPO else 0.0
