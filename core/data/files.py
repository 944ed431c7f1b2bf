"""Rows of a person's file, one at a time, with the place of what is wrong in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.data.csv_rows import read_csv
from core.data.row import SKIP, Row, check_names, encoding_of
from core.errors import UserError

UNREADABLE = "something too deeply nested or a number too long to read"
# Few, since a row may be large.
PARQUET_ROWS = 64
# How files begin that some programs save under another kind's name, and what to do with them.
FOREIGN = {
    b"PK\x03\x04": (
        "a spreadsheet or another zip archive",
        "Save it as csv where it is a spreadsheet, or unpack it, and choose that file.",
    ),
    b"\x1f\x8b": ("compressed with gzip", "Unpack it with gunzip, and choose that file."),
    b"PAR1\x15": ("a parquet file", "Give it the ending .parquet."),
}


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of one of the _READERS' kinds, told apart by its name.

    Raises UserError where no row after can be read, with the line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path.name} is of a kind that SmolFactory can't read.",
            hint=f"Use one of: {', '.join(sorted(kind[1:] for kind in _READERS))}. Unpack an "
            "archive first.",
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
            hint="Save it as UTF-8 (in Excel: Save as, CSV UTF-8) and choose it again.",
        ) from error
    if count == 0:
        raise UserError(f"{path.name} has no rows.", hint="Choose a file with rows.")


def _check_beginning(path: Path) -> None:
    with path.open("rb") as file:
        beginning = file.read(max(map(len, FOREIGN)))
    for mark, (what, hint) in FOREIGN.items():
        if beginning.startswith(mark):
            raise UserError(f"{path.name} is not what its name says: it is {what}.", hint=hint)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding=encoding_of(path)) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _object(line, number=number, path=path)


def _object(line: str, *, number: int, path: Path) -> Row:
    place = f"line {number}"
    try:
        value = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else UNREADABLE
        is_list = number == 1 and line.lstrip().startswith("[")
        hint = "If all of it is one list, give it the ending .json. " if is_list else ""
        fault = UserError(
            f"Line {number} of {path.name} is not JSON: {problem}.",
            hint=f'{hint}Fix the line, {SKIP}. Each should be an object as {{"text": "…"}}.',
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
        check_names(value, where=where)
    except UserError as error:
        return Row(place, {}, error)
    return Row(place, value)


def _read_json(path: Path) -> Iterator[Row]:
    try:
        values = json.loads(path.read_text(encoding=encoding_of(path)), parse_constant=_no_number)
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
    for number, value in enumerate(_list_in(values, path), start=1):
        yield _row(value, place=f"row {number}", where=f"Row {number} of {path.name}")


def _list_in(values: Any, path: Path) -> list[Any]:
    """The rows of a json file: its list, or the only list of objects in its one object."""
    if isinstance(values, list):
        return values
    held = values if isinstance(values, dict) else {}
    lists = [name for name, each in held.items() if isinstance(each, list) and each]
    lists = [name for name in lists if all(isinstance(item, dict) for item in held[name])]
    if len(lists) == 1:
        return list(held[lists[0]])
    several = f", but has several: {', '.join(lists[:8])}" if lists else ""
    raise UserError(
        f"{path.name} should hold a list of objects [{{…}}, …]{several}.",
        hint="Save each list as a file of its own."
        if lists
        else "Put the rows in one list, or save them as jsonl.",
    )


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            check_names(file.schema_arrow.names, where=path.name)
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
    with path.open(encoding=encoding_of(path)) as file:
        for number, line in enumerate(file, start=1):
            if (text := line.rstrip("\n")).strip():
                yield Row(f"line {number}", {"text": text})


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": read_csv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
    ".tsv": read_csv,
    ".txt": _read_text,
}
