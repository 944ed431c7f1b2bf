"""Rows of a person's file, one at a time, with the place of what is wrong in it."""

import csv
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from core.errors import UserError

UNREADABLE = "something too deeply nested or a number too long to read"
MAX_CELL_BYTES = 32 * 1024 * 1024
# No table that teaches a model has more, or longer names.
MAX_COLUMNS, MAX_NAME = 1000, 8192
# Few, since a row may be large.
PARQUET_ROWS = 64
# How files begin that some programs save under another kind's name.
FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or another zip archive",
    b"\x1f\x8b": "compressed with gzip",
    b"PAR1\x15": "a parquet file",
}
# What the Hub's copy of a csv has as no value, since pandas reads it so.
NO_VALUE = frozenset(
    {"#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-NaN", "-nan"}
)
SKIP = "or turn on `filters.skip_unreadable`"


@dataclass(frozen=True)
class Row:
    """One row, and where it stands ("line 7"), for messages about it.

    `fault` says why there are no values, where the rows after it can be read all the same.
    """

    place: str
    values: dict[str, Any]
    fault: UserError | None = None


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a csv, json, jsonl, parquet or txt file, told apart by its name.

    Raises UserError where no row after can be read, with the line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path.name} is of a kind that SmolFactory can't read.",
            hint=f"Use one of: {', '.join(sorted(kind[1:] for kind in _READERS))}.",
        )
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty.", hint="Choose a file with rows.")
    if reader is not _read_parquet:
        _check_beginning(path)
    count = 0
    try:
        for row in reader(path):
            count += 1
            yield row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 text (near row {count + 1}).",
            hint="Save it as UTF-8 and choose it again.",
        ) from error
    if count == 0:
        raise UserError(f"{path.name} has no rows.", hint="Choose a file with rows.")


def _check_beginning(path: Path) -> None:
    with path.open("rb") as file:
        beginning = file.read(max(map(len, FOREIGN)))
    for mark, what in FOREIGN.items():
        if beginning.startswith(mark):
            raise UserError(
                f"{path.name} is not what its name says: it is {what}.",
                hint=f"Save it as {path.suffix[1:]}, or give it the right ending.",
            )


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=_delimiter(file))
        line = 1
        try:
            header = next(reader, None)
            if header is None:
                return
            # pandas writes the number of each row in front, under no name.
            first = 1 if len(header) > 1 and not header[0] else 0
            _check_header(header[first:], path)
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield _csv_row(cells, header=header, first=first, line=line, path=path)
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
    others = [mark for mark in (";", "\t", "|") if mark in header]
    return others[0] if others and "," not in header else ","


def _csv_row(cells: list[str], *, header: list[str], first: int, line: int, path: Path) -> Row:
    if len(cells) == len(header):
        pairs = list(zip(header, cells, strict=True))[first:]
        return Row(f"line {line}", {name: _cell(cell) for name, cell in pairs})
    fault = UserError(
        f"Line {line} of {path.name} has {len(cells)} values, "
        f"but the header names {len(header)} columns.",
        hint=f"Put quotes around a value that has commas or line breaks in it, {SKIP}.",
    )
    return Row(f"line {line}", {}, fault)


def _cell(text: str) -> str | None:
    return None if text in NO_VALUE else text


def _check_header(header: list[str], path: Path) -> None:
    if not header or len(set(header)) != len(header) or not all(header):
        raise UserError(
            f"The first line of {path.name} should name each column, with no name twice.",
            hint="Fix the header: it tells what each column is for.",
        )
    _check_names(header, where=path.name)


def _check_names(columns: Collection[str], *, where: str) -> None:
    """Refuse columns that nobody could choose from, or whose names can't be shown."""
    if len(columns) > MAX_COLUMNS:
        raise UserError(
            f"{where} has {len(columns):,} columns; SmolFactory reads at most {MAX_COLUMNS:,}.",
            hint="Leave only the columns with the prompt and the answer.",
        )
    if (bad := next((name for name in columns if not _can_be_shown(name)), None)) is not None:
        raise UserError(
            f"{where} has a column whose name is too long or no text: {bad[:40]!r}.",
            hint="Give it a short name.",
        )


def _can_be_shown(name: str) -> bool:
    """Whether a name is a text: JSON can hold half a character, which nothing can show."""
    if len(name) > MAX_NAME:
        return False
    return name.isascii() or name.encode(errors="ignore").decode() == name


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _object(line, number=number, path=path)


def _object(line: str, *, number: int, path: Path) -> Row:
    place = f"line {number}"
    try:
        value = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else UNREADABLE
        fault = UserError(
            f"Line {number} of {path.name} is not JSON: {problem}.",
            hint=f'Fix the line, {SKIP}. Each should be an object as {{"text": "…"}}.',
        )
        return Row(place, {}, fault)
    return _row(value, place=place, where=f"Line {number} of {path.name}")


def _no_number(_: str) -> None:
    """NaN and Infinity, which JSON has not: no value."""


def _row(value: Any, *, place: str, where: str) -> Row:
    if not isinstance(value, dict):
        fault = UserError(f"{where} is not an object {{…}}.", hint=f"Fix it, {SKIP}.")
        return Row(place, {}, fault)
    try:
        _check_names(value, where=where)
    except UserError as error:
        return Row(place, {}, error)
    return Row(place, value)


def _read_json(path: Path) -> Iterator[Row]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            # An object a line, under the wrong ending.
            yield from _read_jsonl(path)
            return
        raise UserError(
            f"Line {error.lineno} of {path.name} is not JSON: {error.msg}.",
            hint="It should hold a list of objects [{…}, …], or an object in each line.",
        ) from error
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path.name} has {UNREADABLE}.",
            hint="Save it as jsonl, an object a line: then the line is told.",
        ) from error
    if not isinstance(values, list):
        raise UserError(
            f"{path.name} should hold a list of objects [{{…}}, …].",
            hint="Put the rows in one list, or save them as jsonl.",
        )
    for number, value in enumerate(values, start=1):
        yield _row(value, place=f"row {number}", where=f"Row {number} of {path.name}")


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _check_names(file.schema_arrow.names, where=path.name)
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(f"row {number}", values)
            told = file.metadata.num_rows
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name} can't be read as parquet (after row {number}).",
            hint="It may be cut off: make it again.",
        ) from error
    if number != told:
        raise UserError(
            f"{path.name} says that it has {told:,} rows, but {number:,} are in it.",
            hint="It may be damaged: make it again.",
        )


def _read_text(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if (text := line.rstrip("\n")).strip():
                yield Row(f"line {number}", {"text": text})


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
    ".txt": _read_text,
}
