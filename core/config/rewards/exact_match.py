"""Whether an answer is the reference answer."""

from typing import ClassVar, Literal

from core.config.rewards.reward import Reward, final_answer


class ExactMatch(Reward):
    """1 where the answer is the reference answer, else 0. Of a longer text, what stands in its last
    <answer> tags or after </think> is compared; spacing doesn't count, nor does case unless
    ignore_case=false."""

    needs_answer: ClassVar = True

    name: Literal["exact_match"] = "exact_match"
    ignore_case: bool = True

    def score(self, completion: str, answer: str) -> float | None:
        if not answer.strip():
            return None
        return float(self._plain(final_answer(completion)) == self._plain(final_answer(answer)))

    def _plain(self, text: str) -> str:
        spaced = " ".join(text.split())
        return spaced.casefold() if self.ignore_case else spaced
