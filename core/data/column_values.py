"""What the values of a column look like: text that a model could learn, or flags, links and names.

A column's name alone misleads: `reasoning` holds "on" and "off" in some datasets, `source` a URL.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core.data.messages import NESTS, has_role, is_conversation, roles_of
from core.data.row import can_be_shown
from core.data.scalars import text_of

Values = Mapping[str, Any]

FLAGS = frozenset({"0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", "nan"})
_LINK = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
# Columns that repeat a few short values name a kind of row; below so many rows nobody can tell.
ENOUGH_ROWS, LONGEST_NAME = 3, 60
# So many of the rows must agree, since some are always odd.
MOST = 0.8
# What is shorter is found in other texts by chance.
SHORTEST_PART = 8


# Objects in many rows can have any number of fields between them.
MAX_FIELDS = 100


def value_at(row: Values, column: str) -> Any:
    """The value of a column, or of a field of one that holds objects or lists of them.

    Such a field is called as if it were a column: answers.text.
    """
    if column in row or "." not in column:
        return row.get(column)
    outer, _, name = column.rpartition(".")
    held = row.get(outer)
    if isinstance(held, dict):
        return held.get(name)
    if isinstance(held, list):
        found = [item.get(name) for item in held if isinstance(item, dict)]
        return [value for value in found if value is not None]
    return None


def columns_of(rows: Iterable[Values]) -> list[str]:
    """The columns of some rows, and after them the fields of objects that hold text or numbers."""
    columns: dict[str, None] = {}
    fields: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
        for column, value in row.items():
            items = value if isinstance(value, list) else [value]
            if len(fields) < MAX_FIELDS and items and isinstance(items[0], dict):
                fields |= dict.fromkeys(_fields(column, items[0]))
    return [*columns, *(name for name in fields if name not in columns)]


def _fields(column: str, item: Values) -> list[str]:
    """The fields of a value that is an object; messages and tools are what they are."""
    is_spoken = has_role(item) or any(nest in item for nest in NESTS)
    if is_spoken or not all(isinstance(name, str) for name in item):
        return []
    fields = islice(item.items(), MAX_FIELDS)
    return [f"{column}.{name}" for name, each in fields if can_be_shown(name) and pieces_of(each)]


def pieces_of(value: Any) -> list[str]:
    """The texts of a value that is one piece of text or a list of them; none for others."""
    items = value if isinstance(value, list) else [value]
    texts = [text_of(item) for item in items]
    return [] if None in texts else [text for text in texts if text]


@dataclass(frozen=True)
class Table:
    """Some rows and their columns, and apart from these the fields of columns with objects."""

    columns: Sequence[str]
    rows: Sequence[Values]
    fields: Sequence[str] = ()

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Values]) -> "Table":
        """A table of the columns that `columns_of` finds."""
        there = {name for row in rows for name in row}
        fields = [column for column in columns if "." in column and column not in there]
        return cls([column for column in columns if column not in fields], rows, fields)

    @property
    def all(self) -> list[str]:
        return [*self.columns, *self.fields]

    def with_fields(self) -> "Table":
        """The table in which fields are columns like others."""
        return Table(self.all, self.rows)

    def values(self, column: str) -> list[Any]:
        """The values of a column that say something."""
        found = (value_at(row, column) for row in self.rows)
        return [value for value in found if value not in (None, "", []) and value == value]

    def texts(self, column: str) -> list[str]:
        """All that a column says, list by list; none where some of it is no text."""
        found = [pieces_of(value) for value in self.values(column)]
        return [text for pieces in found for text in pieces] if all(found) else []

    def holds(self, outer: str, inner: str, *, at_least: int = SHORTEST_PART) -> bool:
        """Whether a column's texts have another's in them, in most of the rows that have both."""
        pairs = [(value_at(row, outer), value_at(row, inner)) for row in self.rows]
        texts = [
            (_text_of(whole), (text_of(part) or "").strip())
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
            or all(value_at(row, column) == value_at(row, other) for row in self.rows)
            for other in others
        )

    def is_dialogue(self, column: str) -> bool:
        """Whether a column holds conversations, with roles, that have an answer in them."""
        values = self.values(column)
        return bool(values) and all("assistant" in roles_of(value) for value in values)

    def asks(self, column: str) -> bool:
        """Whether a column holds conversations that are yet to be answered."""
        values = self.values(column)
        return bool(values) and all(roles_of(value)[-1:] == ["user"] for value in values)

    def is_text_to_learn(self, column: str) -> bool:
        """Whether a column holds what somebody could mean to teach: prose or conversations."""
        values, texts = self.values(column), self.texts(column)
        if not texts:
            return (
                bool(values)
                and all(isinstance(v, list) for v in values)
                and all(map(is_conversation, values))
            )
        if not are_said(texts):
            return False
        prose = sum(len(" ".join(pieces_of(value)).split()) > 2 for value in values)
        return all(isinstance(v, str | list) for v in values) and prose >= MOST * len(values)


def _text_of(value: Any) -> str:
    """All that is said in a text or in a conversation."""
    if isinstance(value, str):
        return value
    texts = (each for item in value if isinstance(item, dict) for each in item.values())
    return "\n".join(text for text in texts if isinstance(text, str))


def are_said(texts: Sequence[str]) -> bool:
    """Whether texts say something of their own: are no flags, links or names of a kind."""
    return bool(texts) and not (are_flags(texts) or are_links(texts) or are_names(texts))


def are_flags(values: Iterable[Any]) -> bool:
    return all((text_of(value) or "").strip().lower() in FLAGS for value in values)


def are_links(values: Iterable[Any]) -> bool:
    return all(isinstance(v, str) and _LINK.fullmatch(v.strip()) is not None for v in values)


def are_names(values: Sequence[Any]) -> bool:
    """Whether they are a few short values again and again, as the names of sources or kinds."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    if len(texts) < max(len(values), ENOUGH_ROWS) or max(map(len, texts)) > LONGEST_NAME:
        return False
    return len(set(texts)) <= max(1, len(texts) // 4)
