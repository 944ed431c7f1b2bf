"""The columns that TRL's data collators take, made of the tokens of a row's sides and its label.

Which of them a method wants is in its settings (core/config/methods).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.train.tokens.row_tokens import CHOSEN, IGNORED, REJECTED, WHOLE, Sides, Tokens
from core.train.tokens.rows import EncodedRow

LABEL, ANSWER, MESSAGES = "label", "answer", "messages"


def _prompt(tokens: Tokens) -> np.ndarray:
    """Up to the first token that is learned."""
    return tokens.ids[: tokens.first_trained]


def _answer(tokens: Tokens) -> np.ndarray:
    return tokens.ids[tokens.first_trained :]


# What a side has that TRL wants apart.
_COLUMNS: dict[str, Callable[[Sides], np.ndarray]] = {
    "input_ids": lambda sides: sides[WHOLE].ids,
    "labels": lambda sides: sides[WHOLE].labels(),
    "prompt_ids": lambda sides: _prompt(sides[CHOSEN if CHOSEN in sides else WHOLE]),
    "completion_ids": lambda sides: _answer(sides[WHOLE]),
    "chosen_ids": lambda sides: _answer(sides[CHOSEN]),
    "rejected_ids": lambda sides: _answer(sides[REJECTED]),
}
_EMPTY = np.empty(0, dtype=np.int32)


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """The types of these columns: lists of tokens, but for the label, the reference answer, and the
    prompt's messages as JSON, which a reward model reads with a tokenizer of its own.
    """
    types = {LABEL: pa.bool_(), ANSWER: pa.string(), MESSAGES: pa.string()}
    return pa.schema([(name, types.get(name, pa.list_(pa.int32()))) for name in columns])


def column_of(name: str, row: EncodedRow) -> Any:
    """A row's value in a column, by TRL's name for it; without tokens where the row has none."""
    if name == LABEL:
        return bool(row.example.get(LABEL))
    if name == ANSWER:
        return row.example.get(ANSWER, "")
    if name == MESSAGES:
        return json.dumps(row.example.get("prompt", []), ensure_ascii=False)
    return _COLUMNS[name](row.sides) if row.sides else _EMPTY


def prompt_and_answer(row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The tokens up to the first that is learned, and the learned ones that follow.

    `row` has the columns of a method. An empty prompt says that the row has none, or that its
    answer is a bad one; an empty answer, that it is none of tokens.
    """
    if row.get(LABEL) is False:
        return [], []
    if "prompt_ids" in row:
        answer = "chosen_ids" if "chosen_ids" in row else "completion_ids"
        return list(row["prompt_ids"]), list(row.get(answer, ()))
    ids, labels = list(row["input_ids"]), row["labels"]
    start = next((i for i, label in enumerate(labels) if label != IGNORED), 0)
    end = next((i for i in range(start, len(ids)) if labels[i] == IGNORED), len(ids))
    return ids[:start], ids[start:end]
