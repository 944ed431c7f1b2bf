"""Contrastive Preference Optimization: DPO's loss without a base model (arXiv:2401.08417)."""

from typing import ClassVar, Literal

from core.config.methods.settings import MethodMetric, PairSettings
from core.config.setting import setting


class CpoSettings(PairSettings):
    title: ClassVar = "Contrastive Preference Optimization (CPO)"
    about: ClassVar = (
        "Learns to prefer the better of two answers as DPO does, without a base model to compare "
        "with: made for translation, where both answers are good and one is better. Wants pairs: "
        "a prompt with a chosen and a rejected answer. Experimental in TRL: it may change with "
        "its next release."
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
        help="Weight of learning the chosen answers, beside preferring them.",
    )  # fmt: skip
