"""Whether an answer matches a regular expression."""

import math
import re
from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from core.config.rewards.reward import Reward

# Some patterns take a text of a hundred characters years to search.
SECONDS = 0.5
# Repetitions are written out when it is compiled: a{1000} within another makes a million of them.
MOST_REPEATS = 50_000


def _compiles(pattern: str) -> str:
    if math.prod(int(times[:9]) or 1 for times in re.findall(r"{(\d+)", pattern)) > MOST_REPEATS:
        raise PydanticCustomError("pattern", "This repeats too often to be searched for")
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise PydanticCustomError("pattern", f"Invalid regular expression: {error}") from error
    return pattern


class Pattern(Reward):
    """1 where the answer has a match of the regular expression `pattern`, else 0, as also where it
    takes longer than half a second to search. A dot matches a new line too."""

    name: Literal["regex"] = "regex"
    pattern: Annotated[
        str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_compiles)
    ]

    @classmethod
    def example(cls) -> str:
        return r"regex pattern='^\d+$'"

    def score(self, completion: str, answer: str) -> float | None:
        del answer
        try:
            found = regex.search(self.pattern, completion, flags=regex.DOTALL, timeout=SECONDS)
        except TimeoutError:
            return 0.0
        return float(found is not None)
