"""Reward modeling: learn to score answers, from pairs of them (Bradley-Terry, arXiv:2203.02155)."""

from typing import ClassVar, Literal

from core.config.methods.settings import MethodMetric, MethodSettings
from core.config.options import DatasetFormat
from core.config.setting import setting


class RewardSettings(MethodSettings):
    title: ClassVar = "reward modeling"
    about: ClassVar = (
        "Learns to score answers: the result is a model that reads a conversation and gives one "
        "number, to rank answers, to filter data or to train others with. It writes no text. "
        "Wants pairs: a prompt with a chosen and a rejected answer."
    )
    formats: ClassVar = (DatasetFormat.PREFERENCE,)
    columns: ClassVar = ("chosen_ids", "rejected_ids")
    sequences_a_row: ClassVar = 2
    scores: ClassVar = True
    # Without its end, a score would be of half an answer.
    truncates: ClassVar = False
    metrics: ClassVar = (
        MethodMetric("accuracy", "Accuracy"),
        MethodMetric("margin", "Reward margin", kind="reward_margin"),
        MethodMetric("mean_reward", "Mean reward", kind="reward"),
    )
    learning_rates: ClassVar = (1e-5, 1e-3)
    # Those of TRL's example, examples/scripts/reward_modeling.py; its RewardConfig has 1e-4.
    adapter_learning_rate: ClassVar = 1e-4
    full_learning_rate: ClassVar = 1e-5

    name: Literal["reward"] = "reward"
    center_rewards_coefficient: float = setting(
        0.0, label="Center rewards", ge=0, le=100,
        help="Weight of a loss that holds rewards around 0. 0.01 is usual, 0 turns it off.",
    )  # fmt: skip

    @property
    def learns_answers_only(self) -> bool:
        """The score is of all that was said."""
        return False
