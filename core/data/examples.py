"""Rows brought into the format that training takes: filtered, mapped, each with its place."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

from core.data.column_values import columns_of, pieces_of, value_at
from core.data.files import read_rows
from core.data.filters import check_filters, wanted
from core.data.formats import ONE_OF_SEVERAL, Example, LeftOut, to_example
from core.data.hub_rows import stream_hub_split
from core.data.mapping import RowMapping, find_mapping, places
from core.data.messages import LEAVES_OUT
from core.data.row import Row
from core.data.sources import MIX_FIELD, HubSplit, Source
from core.errors import UserError, at_field

# So many rows tell what a column holds.
LOOKED_AT_ROWS = 50
# Where bad rows are skipped, the first good one may stand far down.
MOST_BAD_ROWS = 10_000


@dataclass(frozen=True)
class PlacedExample:
    """An example and where its row stands ("line 7"); with a fault instead where it is skipped.

    The fault of a row that is left out by its own word is one of formats.LEFT_OUT.
    """

    place: str
    example: Example | None
    fault: str = ""
    warnings: tuple[str, ...] = ()


def rows_of(source: Source) -> Iterator[Row]:
    """The rows of a source from the first on, without downloading it whole.

    Raises UserError at the setting that names the source.
    """
    if isinstance(source.content, HubSplit):
        yield from stream_hub_split(source.content)
        return
    with at_field(source.field):
        yield from read_rows(source.content)


@dataclass(frozen=True)
class MappedRows:
    """The rows of a source that the filters leave, and what their columns are for."""

    source: Source
    mapping: RowMapping
    rows: Iterator[Row]
    # Those of the first rows, by which the mapping was found.
    columns: frozenset[str]
    # How many rows each filter has dropped so far, by its setting.
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def deciding(self) -> list[str]:
        """The columns that are no part of a row, and say which rows are left out."""
        filters = self.source.filters
        named = {filters.drop_where, filters.drop_empty, *LEAVES_OUT}
        return [column for column in self.mapping.unused if column in named]

    @property
    def unused(self) -> list[str]:
        """The columns that have no use at all."""
        return [column for column in self.mapping.unused if column not in self.deciding]

    @cached_property
    def used(self) -> frozenset[str]:
        """The columns that parts come from."""
        values = self.mapping.parts.values()
        return frozenset(name for value in values for name in places(value, self.columns))

    def examples(self, rows: Iterable[Row]) -> Iterator[PlacedExample]:
        """The examples that some of the rows make.

        Raises UserError at a bad row, unless the filters skip those.
        """
        for row in rows:
            placed = replace(row, place=self.source.place(row.place))
            try:
                if placed.fault is not None:
                    raise placed.fault
                example = to_example(placed, self.mapping)
            except LeftOut as reason:
                yield PlacedExample(placed.place, None, fault=str(reason))
            except UserError as error:
                if not self.source.filters.skip_unreadable:
                    error.field = error.field or self.source.field
                    raise
                yield PlacedExample(placed.place, None, fault=error.message)
            else:
                yield PlacedExample(placed.place, example, warnings=tuple(self._warnings(row)))

    def _warnings(self, row: Row) -> Iterator[str]:
        """What of a row is read otherwise than it stands there, or not at all."""
        for name, value in row.values.items():
            if name not in self.columns and value:
                yield (
                    f"The column {name[:60]!r} of {self.source.name} appears only after the first "
                    f"{LOOKED_AT_ROWS} rows, and is not used."
                )
        for part, column in self.mapping.parts.items():
            if part not in ONE_OF_SEVERAL:
                continue
            value = value_at(row.values, column)
            if isinstance(value, list) and len(pieces_of(value)) > 1:
                yield (
                    f"The column {column[:60]!r} of {self.source.name} has several texts in a row: "
                    f"the first of them is taken as the {part}."
                )
        for name, note in row.notes.items():
            if name in self.used:
                yield (
                    f"The column {name[:60]!r} of {self.source.name} is read as on the Hub: {note}."
                )


def map_rows(source: Source, rows: Iterator[Row]) -> MappedRows:
    """Find what the columns are for. Raises UserError when they make no format."""
    first = list(_first(rows, skip=source.filters.skip_unreadable))
    readable = [row.values for row in first if row.fault is None]
    if not readable and first and first[0].fault is not None:
        with at_field(source.field):
            raise first[0].fault
    columns = columns_of(readable)
    try:
        mapping = find_mapping(source.format, source.columns, columns=columns, rows=readable)
    except UserError as error:
        if source.field != MIX_FIELD:
            raise
        # What is named for the first dataset's columns is not named for this one's.
        raise UserError(
            f"{source.name}: {error.message}", hint="Bring it into a known format.", field=MIX_FIELD
        ) from error
    check_filters(source.filters, columns=columns)
    dropped: Counter[str] = Counter()
    left = wanted(chain(first, rows), source.filters, dropped=dropped)
    return MappedRows(source, mapping, left, columns=frozenset(columns), dropped=dropped)


def _first(rows: Iterator[Row], *, skip: bool) -> Iterator[Row]:
    """Rows up to some that can be read."""
    readable = bad = 0
    for row in rows:
        yield row
        readable += row.fault is None
        bad += row.fault is not None
        if readable == LOOKED_AT_ROWS or bad == (MOST_BAD_ROWS if skip else LOOKED_AT_ROWS):
            return
