"""Whether an answer's number is that of the reference answer."""

import math
import re
from typing import ClassVar, Literal

from pydantic import Field

from core.config.rewards.reward import Reward, final_answer

# Digits with or without commas between thousands, a fraction of two whole numbers, an exponent.
# Every repetition has an end, so that no answer takes long to read.
_NUMBER = re.compile(
    r"(?<![\w.])[-\u2212]?\$?(?:\d{1,3}(?:,\d{3}){1,20}|\d{1,60})(?:\.\d{1,60})?"
    r"(?:[eE][-+]?\d{1,3}\b|/\d{1,60})?(?![\d])"
)
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]{0,200}\}){0,200})\}")
_UNIT = re.compile(r"\\(?:text|mathrm)\{[^{}]{0,200}\}|\\[%$,; ]")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d{1,60})\}\{(\d{1,60})\}")


class NumericMatch(Reward):
    """1 where the answer's number equals the reference answer's, else 0. The number is that after
    ####, or in the last \\boxed{}, or else the last one in the text."""

    needs_answer: ClassVar = True

    name: Literal["numeric_match"] = "numeric_match"
    # How far apart they may be, as a share of the larger.
    tolerance: float = Field(1e-6, ge=0, le=1)

    def score(self, completion: str, answer: str) -> float | None:
        wanted = final_number(answer)
        if wanted is None:
            return None
        given = final_number(completion)
        return float(given is not None and math.isclose(given, wanted, rel_tol=self.tolerance))


def final_number(text: str) -> float | None:
    """The number that a text ends up with; None where it has none."""
    said = final_answer(text)
    _, mark, after = said.rpartition("####")
    if not mark and (boxed := _BOXED.findall(said)):
        inside = _FRACTION.sub(r"\1\2/\3", _UNIT.sub("", boxed[-1]))
        # Of an expression, as a root of 2, no number is the result.
        return None if "\\" in inside else _number(_NUMBER.findall(inside)[-1:])
    numbers = _NUMBER.findall(after)
    return _number(numbers[:1] if mark else numbers[-1:])


def _number(found: list[str]) -> float | None:
    if not found:
        return None
    text = found[0].replace(",", "").replace("$", "").replace("\u2212", "-")
    whole, _, part = text.partition("/")
    try:
        number = float(whole) / float(part) if part else float(text)
    except (ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None
