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


def sample(config: RunConfig, rows: int) -> list[int]:
    """So many rows by chance, with the run's seed, in their order; all where none are left out."""
    count = config.filters.sample
    if count is None or count >= rows:
        return list(range(rows))
    return sorted(_chance(config).sample(range(rows), count))


def hold_out(
    config: RunConfig, chosen: list[int], *, digests: Sequence[bytes]
) -> tuple[list[int], list[int]]:
    """Split the rows by chance, with the run's seed; rows that are alike go to the same side.

    `digests` has one for each of the `chosen`. None are held out where there are too few. Raises
    UserError when none would be left to train on.
    """
    count = round(len(chosen) * config.evaluation.fraction)
    if count == 0:
        return chosen, []
    groups: dict[bytes, list[int]] = {}
    for index, digest in zip(chosen, digests, strict=True):
        groups.setdefault(digest, []).append(index)
    order = list(groups.values())
    _chance(config).shuffle(order)
    held: set[int] = set()
    for group in order:
        if len(held) >= count:
            break
        held.update(group)
    if len(held) >= len(chosen):
        raise UserError(
            "Nothing would be left to train on.", hint="Hold out a smaller share.",
            field="evaluation.fraction",
        )  # fmt: skip
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
        f"{len(places):,} rows to evaluate with are also trained on: {listed(places)}.",
        hint="Choose others, or hold out a share of the training rows.",
        field=field,
    )


def listed(places: Sequence[str]) -> str:
    """Some of the places, for a message."""
    return ", ".join(places[:NAMED_PLACES]) + (" …" if len(places) > NAMED_PLACES else "")


def _chance(config: RunConfig) -> random.Random:
    return random.Random(config.training.seed)  # noqa: S311
