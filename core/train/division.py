"""Which rows are trained on, how often, and which are kept to evaluate with: all by their index."""

import random
from collections.abc import Sequence

import numpy as np

from core.config import RunConfig
from core.errors import UserError

TOO_FEW_TO_HOLD_OUT = (
    "There are too few rows to hold any out, so nothing is evaluated: add rows, or name others to "
    "evaluate with."
)
NAMED_PLACES = 5


def first_of_each(digests: Sequence[bytes]) -> list[int]:
    """The rows that are like none before them, by the digests of all."""
    seen: dict[bytes, int] = {}
    for index, digest in enumerate(digests):
        seen.setdefault(digest, index)
    return list(seen.values())


def sample(config: RunConfig, rows: list[int]) -> list[int]:
    """So many of the rows by chance, with the run's seed, in their order; all where it is empty."""
    count = config.filters.sample
    if count is None or count >= len(rows):
        return rows
    return sorted(_chance(config).sample(rows, count))


def few_to_evaluate(config: RunConfig, rows: int) -> list[int]:
    """As many rows as are to be evaluated, by chance from all of them, in their order."""
    most = config.evaluation.max_rows
    return sorted(_chance(config).sample(range(rows), most)) if rows > most else list(range(rows))


def hold_out(
    config: RunConfig, chosen: list[int], *, digests: Sequence[bytes]
) -> tuple[list[int], list[int]]:
    """Split the rows by chance, with the run's seed; rows that are alike go to the same side.

    `digests` has one for each of the `chosen`. No more are held out than are evaluated, and none
    where there are too few.
    """
    evaluation = config.evaluation
    count = min(round(len(chosen) * evaluation.fraction), evaluation.max_rows, len(chosen) - 1)
    if count <= 0:
        return chosen, []
    groups: dict[bytes, list[int]] = {}
    for index, digest in zip(chosen, digests, strict=True):
        groups.setdefault(digest, []).append(index)
    order = list(groups.values())
    _chance(config).shuffle(order)
    held: set[int] = set()
    for group in order:
        # A row with many copies would take more than its share along.
        if len(held) + len(group) <= count:
            held.update(group)
        if len(held) == count:
            break
    return [index for index in chosen if index not in held], sorted(held)


def weigh(
    config: RunConfig, chosen: list[int], *, lengths: Sequence[int], weights: Sequence[float]
) -> list[int]:
    """Each row as often as its source counts: 2 is twice, 0.5 is half of the source's by chance.

    The sources lie one after another, each with its number of rows in `lengths`.
    """
    if all(weight == 1 for weight in weights):
        return chosen
    places = np.array(chosen)
    source_of = np.searchsorted(np.cumsum(lengths), places, side="right")
    chance = _chance(config)
    taken: list[int] = []
    for source, weight in enumerate(weights):
        own = places[source_of == source].tolist()
        whole, part = divmod(weight, 1)
        taken += own * int(whole) + chance.sample(own, round(len(own) * part))
    return sorted(taken)


def overlap(places: Sequence[str], *, field: str) -> UserError:
    """The refusal of an evaluation with rows that are trained on as well."""
    return UserError(
        f"Also trained on: {counted(len(places))} to evaluate with ({listed(places)}).",
        hint="Choose others, or hold out a share of the training rows.",
        field=field,
    )


def counted(rows: int) -> str:
    """A number of rows, for a message."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def listed(places: Sequence[str]) -> str:
    """Some of the places, for a message."""
    return ", ".join(places[:NAMED_PLACES]) + (" …" if len(places) > NAMED_PLACES else "")


def _chance(config: RunConfig) -> random.Random:
    return random.Random(config.training.seed)  # noqa: S311
