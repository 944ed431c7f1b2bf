"""What every reward has: a name, a weight, and the score that it gives an answer."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from core.config.lines import Line

THINK, ANSWER = "think", "answer"


class Reward(Line):
    """A reward as it is set. Subclasses declare `name` as a Literal, by which it is chosen.

    The docstring of a subclass says in a sentence what it rewards, and `low` and `high` are the
    least and the most that it gives.
    """

    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    # Whether it compares with the row's reference answer.
    needs_answer: ClassVar[bool] = False
    # Whether a model gives it, so that only the trainer knows it.
    needs_model: ClassVar[bool] = False

    weight: float = Field(1.0, gt=0, le=100)

    def score(self, completion: str, answer: str) -> float | None:
        """What an answer of the model earns beside the row's own, "" where that has none.

        None where it can't be told, which counts neither for nor against the answer.
        """
        raise NotImplementedError

    @classmethod
    def example(cls) -> str:
        """A line to begin with."""
        return str(cls.model_fields["name"].default)

    @classmethod
    def span(cls) -> str:
        """Between what its scores lie."""
        return "any number" if cls.needs_model else f"{cls.low:g} to {cls.high:g}"

    @classmethod
    def about(cls) -> str:
        """What it rewards, in a sentence."""
        return " ".join((cls.__doc__ or "").split())


def final_answer(text: str) -> str:
    """What a text gives as its answer: what stands in its last <answer> tags, or after </think>."""
    before, end, _ = text.rpartition(f"</{ANSWER}>")
    _, begin, inside = before.rpartition(f"<{ANSWER}>")
    return (inside if begin and end else text.rpartition(f"</{THINK}>")[2]).strip()


def metric_names(rewards: Sequence[Reward]) -> list[str]:
    """What TRL is to call each reward in its metrics: its name, with a number where it is again."""
    names: list[str] = []
    for reward in rewards:
        again = sum(name.partition("#")[0] == reward.name for name in names)
        names.append(f"{reward.name}#{again + 1}" if again else reward.name)
    return names
