"""Direct Preference Optimization: prefer the chosen of two answers (arXiv:2305.18290)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar, Literal

from core.config.methods.settings import BetaSettings, MethodMetric
from core.config.options import DatasetFormat
from core.config.setting import setting


class DpoLoss(StrEnum):
    """The losses of TRL's DPOTrainer, by its names."""

    SIGMOID = "sigmoid"
    SIGMOID_NORM = "sigmoid_norm"
    HINGE = "hinge"
    IPO = "ipo"
    EXO_PAIR = "exo_pair"
    NCA_PAIR = "nca_pair"
    ROBUST = "robust"
    BCO_PAIR = "bco_pair"
    SPPO_HARD = "sppo_hard"
    AOT = "aot"
    AOT_UNPAIRED = "aot_unpaired"
    APO_ZERO = "apo_zero"
    APO_DOWN = "apo_down"
    DISCOPOP = "discopop"
    SFT = "sft"


# TRL passes over the label smoothing with any other.
SMOOTHED = (DpoLoss.EXO_PAIR, DpoLoss.ROBUST, DpoLoss.AOT, DpoLoss.AOT_UNPAIRED)


class DpoSettings(BetaSettings):
    title: ClassVar = "Direct Preference Optimization (DPO)"
    about: ClassVar = (
        "Learns to prefer the better of two answers: for tone, style and judgment, which are "
        "easier to compare than to write. Wants pairs: a prompt with a chosen and a rejected "
        "answer. Start from a model that answers well already, often one after SFT."
    )
    formats: ClassVar = (DatasetFormat.PREFERENCE,)
    columns: ClassVar = ("prompt_ids", "chosen_ids", "rejected_ids")
    sequences_a_row: ClassVar = 2
    has_reference: ClassVar = True
    further_passes: ClassVar = 1
    metrics: ClassVar = (
        MethodMetric("rewards/accuracies", "Reward accuracy"),
        MethodMetric("rewards/margins", "Reward margin", kind="reward_margin"),
        MethodMetric("mean_token_accuracy", "Token accuracy"),
    )
    learning_rates: ClassVar = (1e-6, 5e-5)
    # For all weights TRL's own default; an adapter takes about ten times as much.
    adapter_learning_rate: ClassVar = 1e-5
    full_learning_rate: ClassVar = 1e-6

    name: Literal["dpo"] = "dpo"
    loss_type: DpoLoss = setting(
        DpoLoss.SIGMOID, label="DPO loss",
        help="`sigmoid` is the loss of the DPO paper; `robust` and `exo_pair` use label smoothing.",
    )  # fmt: skip
    label_smoothing: float = setting(
        0.0, label="Label smoothing", ge=0, lt=0.5,
        help="`robust`: the share of pairs assumed to be swapped. `exo_pair`: 0.001 is usual.",
    )  # fmt: skip

    sft_loss_weight: float = setting(
        0.0, label="SFT loss weight", ge=0, le=100,
        help="Also learn the chosen answers, with this weight beside the DPO loss. 0 turns it off.",
    )  # fmt: skip

    @property
    def losses(self) -> dict[str, float]:
        """Each loss with its weight."""
        added = {DpoLoss.SFT.value: self.sft_loss_weight} if self.sft_loss_weight else {}
        return {self.loss_type.value: 1.0} | added

    def conflicts(self) -> Iterator[tuple[str, str]]:
        if self.loss_type is DpoLoss.EXO_PAIR and self.label_smoothing == 0:
            yield "label_smoothing", "The `exo_pair` loss needs more than 0; 0.001 is usual."
        if self.sft_loss_weight > 0 and self.loss_type is DpoLoss.SFT:
            yield "sft_loss_weight", "The DPO loss is this one already: set it to 0."
        if self.label_smoothing > 0 and self.loss_type not in SMOOTHED:
            yield (
                "label_smoothing",
                f"The `{self.loss_type}` loss doesn't use label smoothing: set it to 0.",
            )
