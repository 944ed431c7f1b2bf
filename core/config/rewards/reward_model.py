"""What a reward model gives an answer, in training."""

import math
from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from core.config.rewards.reward import Reward
from core.config.setting import RepoId, Revision, RunId


class RewardModel(Reward):
    """The score that a reward model gives the answer to its prompt: one on the Hub by its `id`, or
    the one that a `run` here trained, by the run's id. Its scores have no bounds, so weigh it."""

    low: ClassVar = -math.inf
    high: ClassVar = math.inf
    needs_model: ClassVar = True

    name: Literal["model"] = "model"
    id: RepoId | None = None
    revision: Revision | None = None
    run: RunId | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.id is None) is (self.run is None):
            raise PydanticCustomError("model", "Name a reward model by id= or by run=, one of them")
        return self

    def score(self, completion: str, answer: str) -> float | None:
        del completion, answer
        return None

    @property
    def what(self) -> str:
        """What it is called, in a message."""
        return self.id or f"the run {self.run}"

    @classmethod
    def example(cls) -> str:
        return "model id=owner/name weight=0.5"
