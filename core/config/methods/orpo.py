"""Odds Ratio Preference Optimization: learn answers and preferences at once (arXiv:2403.07691)."""

from typing import ClassVar, Literal

from core.config.methods.settings import MethodMetric, PairSettings


class OrpoSettings(PairSettings):
    title: ClassVar = "Odds Ratio Preference Optimization (ORPO)"
    about: ClassVar = (
        "Learns to give the chosen answers and to prefer them over the rejected ones, in one "
        "training: for a model that has had no SFT yet, and where memory is short, since nothing "
        "is compared with the base. Learns the prompts too, which the preview doesn't mark. Wants "
        "pairs: a prompt with a chosen and a rejected answer. Experimental in TRL: it may change "
        "with its next release."
    )
    metrics: ClassVar = (
        MethodMetric("rewards/accuracies", "Reward accuracy"),
        MethodMetric("rewards/margins", "Reward margin", kind="reward_margin"),
        MethodMetric("nll_loss", "Loss of prompts and chosen answers", kind="loss"),
        MethodMetric("log_odds_chosen", "Log odds of chosen answers", kind="log_odds"),
    )
    learning_rates: ClassVar = (1e-5, 5e-4)
    # Those of TRL's example, examples/scripts/orpo.py; the paper trains all weights with 8e-6 too.
    adapter_learning_rate: ClassVar = 8e-5
    full_learning_rate: ClassVar = 8e-6

    name: Literal["orpo"] = "orpo"
