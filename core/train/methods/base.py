"""What a training method is, and what its trainer is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from peft import PeftConfig
from transformers import PreTrainedModel, Trainer, TrainerCallback
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.methods.settings import MethodSettings
from core.config.run_config import RunConfig
from core.train.methods.scorer import Scorer
from core.train.tokens.load import Data


@dataclass(frozen=True)
class TrainerParts:
    """What TRL's trainers take, whatever the method.

    `data` has the columns that the method's settings name; `padding_free` says that the rows of a
    batch lie end to end. `arguments` are those that all of TRL's configurations share. `load_base`
    loads the base model once more, for a method that compares with it and trains all weights.
    """

    config: RunConfig
    model: PreTrainedModel
    load_base: Callable[[], PreTrainedModel]
    peft_config: PeftConfig | None
    tokenizer: PreTrainedTokenizerBase
    data: Data
    padding_free: bool
    arguments: dict[str, Any]
    callbacks: list[TrainerCallback]
    # The reward models, in the order of the rewards.
    scorers: Sequence[Scorer] = ()


def settle_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    """Have a tokenizer pad, as most of TRL's trainers do."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


class Method(Protocol):
    """A training method: its settings, with all facts about it, and its trainer."""

    settings: ClassVar[type[MethodSettings]]

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        """TRL's trainer for this method, on rows that are tokens already.

        Raises UserError for settings that TRL or peft refuses.
        """
        ...
