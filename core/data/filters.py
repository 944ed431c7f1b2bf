"""Which rows count: what can be told of a row before it is tokens."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from core.config.data import FiltersSection
from core.data.column_values import value_at
from core.data.row import Row
from core.errors import UserError

TRUE = (True, 1, "true", "yes", "1")


def wanted(rows: Iterator[Row], filters: FiltersSection, *, dropped: Counter[str]) -> Iterator[Row]:
    """The rows that the filters leave, and those that can't be read.

    A row without a column counts as one where it is empty. `dropped` counts those that each filter
    drops, by its setting.
    """
    seen: set[bytes] = set()
    for row in rows:
        by = None if row.fault is not None else _drops(row, filters, seen=seen)
        if by is None:
            yield row
        else:
            dropped[by] += 1


def _drops(row: Row, filters: FiltersSection, *, seen: set[bytes]) -> str | None:
    """The filter that drops a row, if one does."""
    if filters.drop_where is not None and is_true(value_at(row.values, filters.drop_where)):
        return "filters.drop_where"
    if filters.drop_empty is not None and _is_empty(value_at(row.values, filters.drop_empty)):
        return "filters.drop_empty"
    if filters.drop_duplicates:
        digest = _digest(row)
        if digest in seen:
            return "filters.drop_duplicates"
        seen.add(digest)
    return None


def check_filters(filters: FiltersSection, *, columns: list[str]) -> None:
    """Raises UserError at a filter that names none of the columns."""
    for setting in ("drop_where", "drop_empty"):
        column = getattr(filters, setting)
        if column is not None and column not in columns:
            raise UserError(
                f"This data has no column {column!r}.",
                hint=f"Name one of its columns, or none. It has: {', '.join(columns[:20])}.",
                field=f"filters.{setting}",
            )


def is_true(value: object) -> bool:
    return (value.strip().lower() if isinstance(value, str) else value) in TRUE


def _is_empty(value: object) -> bool:
    return value in (None, [], {}) or (isinstance(value, str) and not value.strip())


def _digest(row: Row) -> bytes:
    text = json.dumps(row.values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
