"""Kahneman-Tversky Optimization: learn from answers rated good or bad (arXiv:2402.01306)."""

from typing import ClassVar, Literal

from core.config.methods.settings import BetaSettings, MethodMetric
from core.config.options import DatasetFormat
from core.config.setting import setting

# Between these the paper would have the weight of all good answers, in that of all bad ones: its
# equation 8.
LEAST, MOST = 1.0, 1.33
LARGEST_WEIGHT = 100


class KtoSettings(BetaSettings):
    title: ClassVar = "Kahneman-Tversky Optimization (KTO)"
    about: ClassVar = (
        "Learns from single answers with a thumbs up or down, such as the ratings of a product's "
        "users. Wants a prompt, a completion and a label that is true or false, both kinds; pairs "
        "of answers are taken as one good and one bad answer each. Start from a model that "
        "answers well already."
    )
    formats: ClassVar = (DatasetFormat.UNPAIRED_PREFERENCE, DatasetFormat.PREFERENCE)
    columns: ClassVar = ("prompt_ids", "completion_ids", "label")
    has_reference: ClassVar = True
    # By the base, and by both for the divergence.
    further_passes: ClassVar = 3
    # The answers of a batch are also read after each other's prompts, to estimate a divergence.
    smallest_batch: ClassVar = 2
    metrics: ClassVar = (
        MethodMetric("rewards/margins", "Reward margin", kind="reward_margin"),
        MethodMetric("rewards/chosen", "Reward of good answers", kind="reward"),
        MethodMetric("rewards/rejected", "Reward of bad answers", kind="reward"),
        MethodMetric("kl", "KL divergence from the base", kind="kl"),
    )
    learning_rates: ClassVar = (5e-6, 5e-5)
    # For all weights TRL's own default; an adapter takes about ten times as much, as with DPO.
    adapter_learning_rate: ClassVar = 1e-5
    full_learning_rate: ClassVar = 1e-6

    name: Literal["kto"] = "kto"
    desirable_weight: float = setting(
        1.0, label="Weight of good answers", gt=0, le=LARGEST_WEIGHT,
        help="Factor on the loss of answers labeled true. Raise it where they are few.",
    )  # fmt: skip
    undesirable_weight: float = setting(
        1.0, label="Weight of bad answers", gt=0, le=LARGEST_WEIGHT,
        help="Factor on the loss of answers labeled false. Raise it where they are few.",
    )  # fmt: skip

    def imbalance(self, *, good: int, bad: int) -> str | None:
        if not good or not bad:
            return None
        ratio = good * self.desirable_weight / (bad * self.undesirable_weight)
        if LEAST / MOST <= ratio <= MOST:
            return None
        # The paper's example raises the weight of what is rarer.
        label, name, value = (
            ("false", "undesirable_weight", self.undesirable_weight * ratio)
            if ratio > 1
            else ("true", "desirable_weight", self.desirable_weight / ratio)
        )
        advice = (
            f"set `method.{name}` to about {float(f'{value:.2g}'):g}"
            if value <= LARGEST_WEIGHT
            else f"add rows labeled {label}, since no weight makes up for so few"
        )
        return (
            f"{good:,} labels are true and {bad:,} are false, so one side counts for more than the "
            f"other: {advice}."
        )
