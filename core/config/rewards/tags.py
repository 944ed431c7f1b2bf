"""Whether an answer is laid out in tags."""

import re
from typing import Annotated, Literal

from pydantic import StringConstraints

from core.config.rewards.reward import ANSWER, THINK, Reward


class Tags(Reward):
    """1 where the answer is text in each of `tags` in turn and nothing else, by default
    <think>…</think><answer>…</answer>; where it is not, up to a half for the marks that it has
    exactly once."""

    name: Literal["tags"] = "tags"
    tags: Annotated[str, StringConstraints(pattern=r"^\w+( \w+)*$", max_length=200)] = (
        f"{THINK} {ANSWER}"
    )

    def score(self, completion: str, answer: str) -> float | None:
        del answer
        names = self.tags.split()
        marks = [mark for name in names for mark in (f"<{name}>", f"</{name}>")]
        once = sum(completion.count(mark) == 1 for mark in marks)
        if once == len(marks) and self._is_laid_out(completion, marks):
            return 1.0
        return once / len(marks) / 2

    def _is_laid_out(self, completion: str, marks: list[str]) -> bool:
        """Whether the marks stand in their order, with text inside and white space between."""
        parts = re.split("|".join(map(re.escape, marks)), completion)
        inside, between = parts[1::2], parts[::2]
        in_order = re.findall("|".join(map(re.escape, marks)), completion) == marks
        return in_order and all(map(str.strip, inside)) and not any(map(str.strip, between))
