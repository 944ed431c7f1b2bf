"""Rows of a csv file, as the Hub's copy of it has them."""

import contextlib
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from core.data.row import MAX_NAME, SKIP, Row, check_names, encoding_of
from core.data.scalars import Reading, readings, rewritten
from core.errors import UserError

MAX_CELL_BYTES = 32 * 1024 * 1024
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# So many rows tell what a column holds, as with pandas; fewer where they are large.
TELLING_ROWS, TELLING_CHARACTERS = 10_000, 8_000_000
# What the Hub's copy of a csv has as no value, since pandas reads it so.
NO_VALUE = frozenset(
    {"#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-NaN", "-nan"}
)


@dataclass(frozen=True)
class _Columns:
    names: list[str]
    # How to read those that hold no text, and what of them is not read as it is written.
    readings: Mapping[str, Reading] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, cell: str) -> Any:
        if cell in NO_VALUE:
            return None
        read = self.readings.get(name)
        return read(cell) if read and cell else cell


def read_csv(path: Path) -> Iterator[Row]:
    """Raises UserError where no row after can be read, with the line."""
    csv.field_size_limit(MAX_CELL_BYTES)
    with path.open(encoding=encoding_of(path), newline="") as file:
        # As datasets reads it, whatever else its header has.
        is_tsv = path.suffix.lower() == ".tsv"
        delimiter = "\t" if is_tsv else _delimiter(file)
        reader = csv.reader(file, strict=True, delimiter=delimiter)
        line = 1
        try:
            header = next(reader, None)
            if header is None:
                return
            # As pandas names those without a name, such as that of its own row numbers.
            names = [name or f"Unnamed: {number}" for number, name in enumerate(header)]
            _check_header(names, path)
            columns = _columns(names, reader)
            file.seek(0)
            reader = csv.reader(file, strict=True, delimiter=delimiter)
            next(reader)
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield _row(cells, columns=columns, line=line, path=path, mark=delimiter)
                # Where the next row begins: quoted line breaks make some rows several lines long.
                line = reader.line_num + 1
        except csv.Error as error:
            raise UserError(
                f"Line {line} of {path.name} begins a row that is not csv: {error}.",
                hint="Look for a quote that is never closed.",
            ) from error


def _delimiter(file: TextIO) -> str:
    """What stands between the values: another mark than a comma only where there is no comma."""
    beginning = file.read(MAX_NAME)
    file.seek(0)
    header = beginning.partition("\n")[0]
    return next((mark for mark in DELIMITERS if mark in header), ",")


def _columns(names: list[str], reader: Iterator[list[str]]) -> _Columns:
    """How to read the columns, by some rows; what can't be read is told when it is reached."""
    cells: dict[str, list[str]] = {name: [] for name in names}
    lost: dict[str, Counter[str]] = {name: Counter() for name in names}
    characters = 0
    with contextlib.suppress(csv.Error, UnicodeDecodeError):
        for row in islice(reader, TELLING_ROWS):
            for name, cell in zip(names, row, strict=False):
                if cell in NO_VALUE:
                    lost[name][cell] += 1
                elif cell:
                    cells[name].append(cell)
            characters += sum(map(len, row)) + len(row)
            if characters > TELLING_CHARACTERS:
                break
    found = readings(cells)
    notes = {}
    for name in names:
        changed = rewritten(cells[name], found[name]) if name in found else ""
        if told := [each for each in (changed, _lost(lost[name])) if each]:
            notes[name] = "; ".join(told)
    return _Columns(names, found, notes)


def _lost(cells: Counter[str]) -> str:
    """What is read as no value, with in how many rows it is; "" where there is none."""
    if not cells:
        return ""
    named = ", ".join(repr(cell) for cell, _ in cells.most_common())
    rows = cells.total()
    return f"{named} is read as no value ({rows:,} row{'s' if rows > 1 else ''})"


def _row(cells: list[str], *, columns: _Columns, line: int, path: Path, mark: str) -> Row:
    names = columns.names
    while len(cells) > len(names) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) == len(names):
        pairs = list(zip(names, cells, strict=True))
        values = {name: columns.value(name, cell) for name, cell in pairs}
        lost = {name: cell for name, cell in pairs if cell in NO_VALUE}
        return Row(f"line {line}", values, notes=columns.notes, lost=lost)
    mend = f"Put quotes around a value that has {DELIMITERS[mark]} or line breaks in it"
    if len(cells) < len(names):
        mend = f"Add what is missing, with {DELIMITERS[mark]} between"
    fault = UserError(
        f"Line {line} of {path.name} has {len(cells)} value{'' if len(cells) == 1 else 's'}, "
        f"but the header names {len(names)} columns.",
        hint=f"{mend}, {SKIP}.",
    )
    return Row(f"line {line}", {}, fault)


def _check_header(names: list[str], path: Path) -> None:
    if not names or len(set(names)) != len(names):
        raise UserError(
            f"The first line of {path.name} should name each column, with no name twice.",
            hint="Fix the header: it tells what each column is for.",
        )
    check_names(names, where=path.name)
