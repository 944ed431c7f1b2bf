"""The columns that TRL's data collators take, made of the tokens of a row's sides.

Which of them a method wants is in its settings (core/config/methods).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.train.tokens.row_tokens import CHOSEN, IGNORED, REJECTED, WHOLE, Sides

# What a side has that TRL wants apart: the prompt is up to the first token that is learned.
_COLUMNS: dict[str, Callable[[Sides], np.ndarray]] = {
    "input_ids": lambda sides: sides[WHOLE].ids,
    "labels": lambda sides: sides[WHOLE].labels(),
    "prompt_ids": lambda sides: sides[CHOSEN].ids[: sides[CHOSEN].first_trained],
    "chosen_ids": lambda sides: sides[CHOSEN].ids[sides[CHOSEN].first_trained :],
    "rejected_ids": lambda sides: sides[REJECTED].ids[sides[REJECTED].first_trained :],
}
_EMPTY = np.empty(0, dtype=np.int32)


def column_of(name: str, sides: Sides) -> np.ndarray:
    """A row's value (int32) in a column, by TRL's name for it; empty for a row without tokens."""
    return _COLUMNS[name](sides) if sides else _EMPTY


def prompt_and_answer(row: Mapping[str, Sequence[int]]) -> tuple[list[int], list[int]]:
    """The tokens up to the first that is learned, and the learned ones that follow.

    `row` has the columns of a method. An empty prompt says that the row has none.
    """
    if "prompt_ids" in row:
        return list(row["prompt_ids"]), list(row["chosen_ids"])
    ids, labels = list(row["input_ids"]), row["labels"]
    start = next((i for i, label in enumerate(labels) if label != IGNORED), 0)
    end = next((i for i in range(start, len(ids)) if labels[i] == IGNORED), len(ids))
    return ids[:start], ids[start:end]
