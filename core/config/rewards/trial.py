"""Rewards tried on a few answers, before any model is asked to earn them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from string import ascii_lowercase

from core.config.rewards.reward import Reward, metric_names

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


def try_rewards(rewards: Sequence[Reward], *, answers: Sequence[str], reference: str) -> Trial:
    """Score these answers, and beside them the reference answer, an empty one and nonsense."""
    named = [(f"Answer {number}", text) for number, text in enumerate(answers, 1)]
    if reference.strip():
        named.append((REFERENCE, reference))
    longest = max((len(text.split()) for _, text in named), default=0)
    tried = [_tried(rewards, name, text, reference) for name, text in named]
    probes = [
        _tried(rewards, NOTHING, "", reference),
        _tried(rewards, NONSENSE, nonsense(longest), reference),
    ]
    names = metric_names(rewards)
    alone = [_tried(rewards, "", nonsense(len(each.text.split())), reference) for each in tried]
    warnings = list(_warnings(rewards, names, tried, [*tried, *probes], alone))
    return Trial(names, [*tried, *probes], warnings)


def nonsense(words: int) -> str:
    """So many different words that mean nothing."""
    made = map("".join, product(ascii_lowercase, repeat=3))
    return " ".join(islice(made, words))


def _tried(rewards: Sequence[Reward], name: str, text: str, reference: str) -> Tried:
    scores = [reward.score(text, reference) for reward in rewards]
    pairs = zip(rewards, scores, strict=True)
    total = sum(reward.weight * score for reward, score in pairs if score is not None)
    return Tried(name, text, scores, total)


def _warnings(
    rewards: Sequence[Reward],
    names: Sequence[str],
    tried: Sequence[Tried],
    everything: Sequence[Tried],
    alone: Sequence[Tried],
) -> Iterator[str]:
    typed = [each for each in tried if each.name != REFERENCE]
    untold = [
        name for name, reward in zip(names, rewards, strict=True) if reward.needs_model
    ]  # fmt: skip
    for place, (name, reward) in enumerate(zip(names, rewards, strict=True)):
        if reward.needs_model:
            continue
        given = [each.scores[place] for each in tried]
        if given and all(score is None for score in given):
            yield f"{name} can't score any of them without a reference answer: give one."
        elif tried and all(score == reward.low for score in given) and reward.low >= 0:
            yield f"{name} never fires: none of these answers gets anything from it."
    if untold:
        # Of the sums nothing can be said.
        yield f"{' and '.join(untold)}: a model scores in training alone. The sums are without it."
        return
    if len(typed) > 1 and len({each.total for each in typed}) == 1:
        yield "Your answers all score alike, so nothing would be learned from them."
    if tried and [each.total for each in tried] == [each.total for each in alone]:
        yield "Only the length counts: nonsense of as many words scores the same."
    nothing = next(each for each in everything if each.name == NOTHING)
    if tried and nothing.total >= max(each.total for each in tried):
        yield "Saying nothing at all scores as much as the best of these."
