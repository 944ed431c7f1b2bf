"""What the values of a column look like: text that a model could learn, or flags, links and names.

A column's name alone misleads: `reasoning` holds "on" and "off" in some datasets, `source` a URL.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.messages import is_conversation

Values = Mapping[str, Any]

FLAGS = frozenset({"0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", "nan"})
_LINK = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
# Columns that repeat a few short values name a kind of row; below so many rows nobody can tell.
ENOUGH_ROWS, LONGEST_NAME = 3, 60
# So many of the rows must agree, since some are always odd.
MOST = 0.8
# What is shorter is found in other texts by chance.
SHORTEST_PART = 8


@dataclass(frozen=True)
class Table:
    """Some rows, and the columns that they have."""

    columns: Sequence[str]
    rows: Sequence[Values]

    def values(self, column: str) -> list[Any]:
        """The values of a column that say something."""
        found = (row.get(column) for row in self.rows)
        return [value for value in found if value not in (None, "", []) and value == value]

    def holds(self, outer: str, inner: str, *, at_least: int = SHORTEST_PART) -> bool:
        """Whether a column's texts have another's in them, in most of the rows that have both."""
        pairs = [(row.get(outer), row.get(inner)) for row in self.rows]
        texts = [
            (_text_of(whole), str(part).strip())
            for whole, part in pairs
            if isinstance(whole, str | list) and isinstance(part, str | int | float)
        ]
        told = [(whole, part) for whole, part in texts if len(part) >= at_least]
        held = sum(len(part) < len(whole.strip()) and part in whole for whole, part in told)
        return bool(told) and held >= MOST * len(told)

    def repeats(self, column: str, others: Iterable[str]) -> bool:
        """Whether a column has nothing that one of these has not, or is made of them."""
        return any(
            self.holds(other, column)
            or self.holds(column, other)
            or all(row.get(column) == row.get(other) for row in self.rows)
            for other in others
        )

    def is_text_to_learn(self, column: str) -> bool:
        """Whether a column holds what somebody could mean to teach: prose or conversations."""
        values = self.values(column)
        if not values or are_flags(values) or are_links(values) or are_names(values):
            return False
        if all(isinstance(value, str) for value in values):
            return sum(len(value.split()) > 2 for value in values) >= MOST * len(values)
        return all(isinstance(v, list) and isinstance(v[0], dict) for v in values) and all(
            map(is_conversation, values)
        )


def _text_of(value: Any) -> str:
    """All that is said in a text or in a conversation."""
    if isinstance(value, str):
        return value
    texts = (each for item in value if isinstance(item, dict) for each in item.values())
    return "\n".join(text for text in texts if isinstance(text, str))


def are_flags(values: Iterable[Any]) -> bool:
    return all(isinstance(v, bool) or str(v).strip().lower() in FLAGS for v in values)


def are_links(values: Iterable[Any]) -> bool:
    return all(isinstance(v, str) and _LINK.fullmatch(v.strip()) is not None for v in values)


def are_names(values: Sequence[Any]) -> bool:
    """Whether they are a few short values again and again, as the names of sources or kinds."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    if len(texts) < max(len(values), ENOUGH_ROWS) or max(map(len, texts)) > LONGEST_NAME:
        return False
    return len(set(texts)) <= max(1, len(texts) // 4)
