"""REINFORCE Leave-One-Out: learn from scores of one's own answers (arXiv:2402.14740)."""

from typing import ClassVar, Literal

from core.config.methods.writing import WritingSettings
from core.config.setting import setting


class RlooSettings(WritingSettings):
    title: ClassVar = "REINFORCE Leave-One-Out (RLOO)"
    about: ClassVar = (
        "Learns from rewards as GRPO does, and compares each answer with the mean of the others to "
        "its prompt: simpler, and it stays close to the base by default. Wants prompts, with a "
        "reference answer where a reward compares with one."
    )

    name: Literal["rloo"] = "rloo"
    rloo_beta: float = setting(
        0.05, label="KL coefficient", ge=0, le=100,
        help="TRL's `beta`: takes what strays from the base off the reward. 0 takes less memory "
        "and time.",
    )  # fmt: skip
    normalize_advantages: bool = setting(
        False, label="Normalize advantages",
        help="Divide what is learned from by its standard deviation over a step's answers.",
    )  # fmt: skip

    @property
    def kl_coefficient(self) -> float:
        return self.rloo_beta
