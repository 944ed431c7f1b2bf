"""Rewards tried on a few answers, before any model is asked to earn them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from string import ascii_lowercase

from core.config.rewards.reward import Reward, metric_names

# For all of it, shared evenly: one that takes long leaves the others their time.
TRIAL_SECONDS = 8.0
REFERENCE, NOTHING, NONSENSE = "The reference answer", "Nothing at all", "Nonsense of as many words"


@dataclass(frozen=True)
class Tried:
    """An answer, what each reward gives it (None where it can't tell), and the weighted sum."""

    name: str
    text: str
    scores: list[float | None]
    total: float


@dataclass(frozen=True)
class Trial:
    """What some answers earned by each of the rewards, and what is odd about that."""

    rewards: list[str]
    tried: list[Tried]
    warnings: list[str]


class _Timed:
    """A reward that scores no more once it has had its time; `was_cut` says that it has."""

    def __init__(self, reward: Reward, *, name: str, seconds: float) -> None:
        self.reward, self.name = reward, name
        self.was_cut = False
        self._left = seconds

    def score(self, text: str, reference: str) -> float | None:
        if self._left <= 0:
            self.was_cut = True
            return None
        began = time.monotonic()
        given = self.reward.score(text, reference)
        self._left -= time.monotonic() - began
        return given


def try_rewards(
    rewards: Sequence[Reward],
    *,
    answers: Sequence[str],
    reference: str,
    seconds: float = TRIAL_SECONDS,
) -> Trial:
    """Score these answers, and beside them the reference answer, an empty one and nonsense."""
    share = seconds / max(1, len(rewards))
    timed = [
        _Timed(reward, name=name, seconds=share)
        for reward, name in zip(rewards, metric_names(rewards), strict=True)
    ]
    named = [(f"Answer {number}", text) for number, text in enumerate(answers, 1)]
    if reference.strip():
        named.append((REFERENCE, reference))
    longest = max((len(text.split()) for _, text in named), default=0)
    tried = [_tried(timed, name, text, reference) for name, text in named]
    probes = [
        _tried(timed, NOTHING, "", reference),
        _tried(timed, NONSENSE, nonsense(longest), reference),
    ]
    alone = [_tried(timed, "", nonsense(len(each.text.split())), reference) for each in tried]
    warnings = list(_warnings(timed, tried, [*tried, *probes], alone))
    return Trial([each.name for each in timed], [*tried, *probes], warnings)


def nonsense(words: int) -> str:
    """So many different words that mean nothing."""
    made = map("".join, product(ascii_lowercase, repeat=3))
    return " ".join(islice(made, words))


def _tried(rewards: Sequence[_Timed], name: str, text: str, reference: str) -> Tried:
    scores = [each.score(text, reference) for each in rewards]
    pairs = zip(rewards, scores, strict=True)
    total = sum(each.reward.weight * score for each, score in pairs if score is not None)
    return Tried(name, text, scores, total)


def _warnings(
    rewards: Sequence[_Timed],
    tried: Sequence[Tried],
    everything: Sequence[Tried],
    alone: Sequence[Tried],
) -> Iterator[str]:
    typed = [each for each in tried if each.name != REFERENCE]
    for place, timed in enumerate(rewards):
        name, reward = timed.name, timed.reward
        if reward.needs_model or timed.was_cut:
            continue
        given = [each.scores[place] for each in tried]
        if given and all(score is None for score in given):
            yield f"{name} can't score any of them without a reference answer: give one."
        elif tried and all(score == reward.low for score in given) and reward.low >= 0:
            yield f"{name} never fires: none of these answers gets anything from it."
    if models := _named(each for each in rewards if each.reward.needs_model):
        yield f"{models}: a model scores in training alone. The sums are without it."
    if slow := _named(each for each in rewards if each.was_cut):
        yield f"{slow}: this takes too long, so not all answers were scored by it."
    if models or slow:
        # Of the sums nothing can be said.
        return
    if len(typed) > 1 and len({each.total for each in typed}) == 1:
        yield "Your answers all score alike, so nothing would be learned from them."
    if tried and [each.total for each in tried] == [each.total for each in alone]:
        yield "Only the length counts: nonsense of as many words scores the same."
    nothing = next(each for each in everything if each.name == NOTHING)
    if tried and nothing.total >= max(each.total for each in tried):
        yield "Saying nothing at all scores as much as the best of these."


def _named(rewards: Iterable[_Timed]) -> str:
    return ", ".join(each.name for each in rewards)
