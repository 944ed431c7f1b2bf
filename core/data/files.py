"""Rows of a person's file, one at a time, with the place of what is wrong in it."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError

FIELD = "dataset.file"
UNREADABLE = "something too deeply nested or a number too long to read"
MAX_CELL_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One row, and where it stands ("line 7"), for messages about it."""

    place: str
    values: dict[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a csv, json, jsonl, parquet or txt file, told apart by its name.

    Raises UserError at dataset.file for what can't be read, with the line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path.name} is of a kind that SmolFactory can't read.",
            hint=f"Use one of: {', '.join(sorted(kind[1:] for kind in _READERS))}.",
            field=FIELD,
        )
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty.", hint="Choose a file with rows.", field=FIELD)
    count = 0
    try:
        for row in reader(path):
            count += 1
            yield row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 text (near row {count + 1}).",
            hint="Save it as UTF-8 and choose it again.",
            field=FIELD,
        ) from error
    if count == 0:
        raise UserError(f"{path.name} has no rows.", hint="Choose a file with rows.", field=FIELD)


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        line = 1
        try:
            header = next(reader, None)
            if header is None:
                return
            _check_header(header, path)
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    _check_cells(cells, header=header, line=line, path=path)
                    yield Row(f"line {line}", dict(zip(header, cells, strict=True)))
                # Where the next row begins: quoted line breaks make some rows several lines long.
                line = reader.line_num + 1
        except csv.Error as error:
            raise UserError(
                f"Line {line} of {path.name} begins a row that is not csv: {error}.",
                hint="Look for a quote that is never closed.",
                field=FIELD,
            ) from error


def _check_cells(cells: list[str], *, header: list[str], line: int, path: Path) -> None:
    if len(cells) != len(header):
        raise UserError(
            f"Line {line} of {path.name} has {len(cells)} values, "
            f"but the header names {len(header)} columns.",
            hint="Put quotes around a value that has commas or line breaks in it.",
            field=FIELD,
        )


def _check_header(header: list[str], path: Path) -> None:
    if not header or len(set(header)) != len(header) or not all(header):
        raise UserError(
            f"The first line of {path.name} should name each column, with no name twice.",
            field=FIELD,
        )


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield Row(f"line {number}", _object(line, number=number, path=path))


def _object(line: str, *, number: int, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else UNREADABLE
        raise UserError(
            f"Line {number} of {path.name} is not JSON: {problem}.",
            hint="Each line should be one object, such as {\"text\": \"…\"}.",
            field=FIELD,
        ) from error  # fmt: skip
    if not isinstance(value, dict):
        raise UserError(f"Line {number} of {path.name} is not an object {{…}}.", field=FIELD)
    return value


def _read_json(path: Path) -> Iterator[Row]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UserError(
            f"Line {error.lineno} of {path.name} is not JSON: {error.msg}.",
            hint="If each line is an object of its own, name the file .jsonl.",
            field=FIELD,
        ) from error
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} has {UNREADABLE}.", field=FIELD) from error
    if not isinstance(values, list):
        raise UserError(f"{path.name} should hold a list of objects [{{…}}, …].", field=FIELD)
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise UserError(f"Row {number} of {path.name} is not an object {{…}}.", field=FIELD)
        yield Row(f"row {number}", value)


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(f"row {number}", values)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name} can't be read as parquet (after row {number}).",
            hint="It may be cut off: make it again.",
            field=FIELD,
        ) from error


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
