"""Which rows are trained on, how often, and which are kept to evaluate with: all by their index.

The trainer divides the rows so, and the preview shows it beforehand.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.config.conflicts import needs_evaluation
from core.config.run_config import RunConfig
from core.errors import UserError

TOO_FEW_TO_HOLD_OUT = (
    "There are too few rows to hold any out, so nothing is evaluated: add rows, or name others to "
    "evaluate with."
)
NAMED_PLACES = 5


@dataclass(frozen=True)
class Division:
    """Indexes of rows: what is trained on, each as often as it counts, and what is held out."""

    train: np.ndarray
    held: np.ndarray


def divide(
    config: RunConfig,
    *,
    digests: np.ndarray,
    groups: np.ndarray,
    lengths: Sequence[int],
    weights: Sequence[float],
    named_evaluation: bool,
) -> Division:
    """Divide rows that lie source after source, with so many rows and such a weight in each.

    `digests` has for each row what is the same for its copies, `groups` what is the same for rows
    that go to one side. Rows are held out only where none are named to evaluate with.
    """
    chosen = first_of_each(digests) if config.filters.drop_duplicates else np.arange(len(digests))
    chosen = sample(config, chosen)
    held = chosen[:0]
    if not named_evaluation:
        chosen, held = hold_out(config, chosen, groups=groups[chosen])
    return Division(weigh(config, chosen, lengths=lengths, weights=weights), held)


def first_of_each(digests: np.ndarray) -> np.ndarray:
    """The rows that are like none before them, by the digests of all."""
    return np.sort(np.unique(digests, return_index=True)[1])


def sample(config: RunConfig, rows: np.ndarray) -> np.ndarray:
    """So many of the rows by chance, with the run's seed, in their order; all where it is empty."""
    count = config.filters.sample
    if count is None or count >= len(rows):
        return rows
    return rows[sorted(_chance(config).sample(range(len(rows)), count))]


def few_to_evaluate(config: RunConfig, rows: int) -> list[int]:
    """As many rows as are to be evaluated, by chance from all of them, in their order."""
    most = config.evaluation.max_eval_samples
    return sorted(_chance(config).sample(range(rows), most)) if rows > most else list(range(rows))


def hold_out(
    config: RunConfig, chosen: np.ndarray, *, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows by chance, with the run's seed; rows of a group go to the same side.

    `groups` has one for each of the `chosen`. No more are held out than are evaluated, and none
    where there are too few.
    """
    evaluation = config.evaluation
    count = min(
        round(len(chosen) * evaluation.fraction), evaluation.max_eval_samples, len(chosen) - 1
    )
    if count <= 0:
        return chosen, chosen[:0]
    _, first, group_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first).tolist()
    _chance(config).shuffle(order)
    held: list[int] = []
    left = count
    for each in order:
        # A large group would take more than its share along.
        if sizes[each] <= left:
            held.append(each)
            left -= sizes[each]
        if left == 0:
            break
    is_held = np.isin(group_of, held)
    return chosen[~is_held], chosen[is_held]


def weigh(
    config: RunConfig, chosen: np.ndarray, *, lengths: Sequence[int], weights: Sequence[float]
) -> np.ndarray:
    """Each row as often as its source counts: 2 is twice, 0.5 is half of the source's by chance."""
    if all(weight == 1 for weight in weights):
        return chosen
    source_of = np.searchsorted(np.cumsum(lengths), chosen, side="right")
    chance = _chance(config)
    taken = []
    for source, weight in enumerate(weights):
        own = chosen[source_of == source]
        whole, part = divmod(weight, 1)
        some = chance.sample(range(len(own)), round(len(own) * part))
        taken += [own] * int(whole) + [own[some]]
    return np.sort(np.concatenate(taken))


def none_held_out(config: RunConfig) -> str:
    """The warning that there are too few rows to evaluate.

    Raises UserError where something would follow what is never measured.
    """
    for field, why in needs_evaluation(config).items():
        raise UserError(
            f"{why}, and there are too few rows to hold any out.",
            hint="Add rows, name others to evaluate with, or choose otherwise here.",
            field=field,
        )
    return TOO_FEW_TO_HOLD_OUT


def left_out(division: Division, *, names: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """A warning for each source that has rows, of which none is trained on."""
    used = np.searchsorted(np.cumsum(lengths), division.train, side="right")
    return [
        f"No row of {name} is trained on: give it a larger weight, or take a larger sample."
        for source, name in enumerate(names)
        if lengths[source] and source not in used
    ]


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
