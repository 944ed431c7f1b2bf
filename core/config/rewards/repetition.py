"""Whether an answer repeats itself."""

from typing import ClassVar, Literal

from pydantic import Field

from core.config.rewards.reward import Reward


class Repetition(Reward):
    """0 where no run of `ngram` words comes twice in the answer, and down to -1 the more of them
    do: as TRL's repetition penalty, by the word."""

    low: ClassVar = -1.0
    high: ClassVar = 0.0

    name: Literal["repetition"] = "repetition"
    ngram: int = Field(3, ge=1, le=20)

    def score(self, completion: str, answer: str) -> float | None:
        del answer
        words = completion.lower().split()
        grams = [tuple(words[at : at + self.ngram]) for at in range(len(words) - self.ngram + 1)]
        return len(set(grams)) / len(grams) - 1 if grams else 0.0
