"""Group Relative Policy Optimization: learn from scores of one's own answers (arXiv:2402.03300)."""

from enum import StrEnum
from typing import ClassVar, Literal

from core.config.methods.writing import WritingSettings
from core.config.setting import setting


class GrpoLoss(StrEnum):
    """The losses of TRL's GRPOTrainer that take no settings of their own, by its names."""

    DAPO = "dapo"
    GRPO = "grpo"
    DR_GRPO = "dr_grpo"
    BNPO = "bnpo"


class Scaling(StrEnum):
    """What the advantages are divided by, as TRL calls it."""

    GROUP = "group"
    BATCH = "batch"
    NONE = "none"


class GrpoSettings(WritingSettings):
    title: ClassVar = "Group Relative Policy Optimization (GRPO)"
    about: ClassVar = (
        "Learns from rewards: the model writes several answers to each prompt, rewards score them, "
        "and it does more of what scored above the others. For what can be checked: results, "
        "formats, lengths. Wants prompts, with a reference answer where a reward compares with "
        "one. Start from a model that earns the reward now and then; slow, since it writes."
    )

    name: Literal["grpo"] = "grpo"
    grpo_loss_type: GrpoLoss = setting(
        GrpoLoss.DAPO, label="GRPO loss",
        help="TRL's `loss_type`, which weighs short and long answers: `dapo` counts each token "
        "alike, `grpo` each answer.",
    )  # fmt: skip
    grpo_beta: float = setting(
        0.0, label="KL coefficient", ge=0, le=100,
        help="TRL's `beta`: holds the model close to its base. 0 takes less memory and time.",
    )  # fmt: skip
    scale_rewards: Scaling = setting(
        Scaling.GROUP, label="Scale rewards by",
        help="The standard deviation by which rewards are divided: of a prompt's answers, of the "
        "batch's, or none.",
    )  # fmt: skip

    @property
    def kl_coefficient(self) -> float:
        return self.grpo_beta
