"""Whether an answer is as long as is asked for."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from core.config.rewards.reward import Reward


class Length(Reward):
    """1 where the answer has from `min` to `max` words (or unit=characters); the further beyond
    them, the less, down to 0 for none or for twice as many."""

    name: Literal["length"] = "length"
    min: int = Field(1, ge=0, le=100_000)
    max: int = Field(50, ge=1, le=100_000)
    unit: Literal["words", "characters"] = "words"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            told = f"min is {self.min}, which is more than max, {self.max}"
            raise PydanticCustomError("length", told)
        return self

    def score(self, completion: str, answer: str) -> float | None:
        del answer
        said = completion.split() if self.unit == "words" else completion.strip()
        if len(said) < self.min:
            return len(said) / self.min
        return 1.0 if len(said) <= self.max else max(0.0, 2 - len(said) / self.max)
