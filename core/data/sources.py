"""Rows of a run's data and what their columns are for, wherever the data lies."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from core.config import RunConfig
from core.data.files import Row
from core.data.filters import wanted
from core.data.formats import Example, to_example
from core.data.mapping import RowMapping, find_mapping
from core.options import DatasetShape, DatasetSource

# So many rows tell what a column holds.
LOOKED_AT_ROWS = 50
BUILTIN_MAPPING = RowMapping(DatasetShape.MESSAGES, {"messages": "messages"}, why="built in")


@dataclass(frozen=True)
class PlacedExample:
    """An example, and where its row stands ("line 7")."""

    place: str
    example: Example


def map_rows(config: RunConfig, rows: Iterator[Row]) -> tuple[RowMapping, Iterator[PlacedExample]]:
    """What the columns are for, and the examples that the rows make, filtered.

    Raises UserError at once when the columns make no shape, and while iterating at a bad row.
    """
    if config.dataset.source is DatasetSource.BUILTIN:
        mapping = BUILTIN_MAPPING
    else:
        first = list(islice(rows, LOOKED_AT_ROWS))
        columns = list(dict.fromkeys(name for row in first for name in row.values))
        mapping = find_mapping(
            config.dataset, config.columns, columns=columns, rows=[row.values for row in first]
        )
        rows = chain(first, rows)
    kept = wanted(rows, config.filters)
    return mapping, (PlacedExample(row.place, to_example(row, mapping)) for row in kept)


def fingerprint(path: Path) -> str:
    """The sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
