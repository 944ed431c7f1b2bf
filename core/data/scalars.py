"""Numbers, truth values and dates as text: the same whatever kind of file they come from.

A csv has only text, json has numbers, and the Hub's copies have a type a column, in which whole
numbers beside an empty value become 4.0. Read as datasets.load_dataset reads them, and written in
the shortest way, they are the same text: 4.50 is 4.5 and 4.0 is 4.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Reading = Callable[[str], Any]

# What pandas takes for a number and for a truth value.
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_TRUTH = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
# Beyond that a whole number is no longer written out.
_WHOLE = 1e15


def text_of(value: Any) -> str | None:
    """A value that is one piece of text as that text, "" where it is none; None for others."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # NaN, as parquet may have it.
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    if isinstance(value, datetime):
        # A date alone becomes a midnight in the Hub's copy of a json file.
        return value.isoformat().removesuffix("T00:00:00")
    return str(value) if isinstance(value, bool | int | Decimal | date) else None


def readings(columns: Mapping[str, Iterable[str]]) -> dict[str, Reading]:
    """How to read the columns of a csv that hold no text, by the cells that are not empty."""
    found: dict[str, Reading] = {}
    for name, cells in columns.items():
        held = list(cells)
        if held and all(cell in _TRUTH for cell in held):
            found[name] = _truth
        elif held and all(_NUMBER.fullmatch(cell) for cell in held):
            found[name] = _number
    return found


def rewritten(cells: Sequence[str], read: Reading) -> str:
    """The first cell that is not read as it is written, and how it is; "" where there is none."""
    changes = ((cell, text_of(read(cell))) for cell in cells)
    return next((f"{cell!r} is read as {text}" for cell, text in changes if cell != text), "")


def _truth(cell: str) -> Any:
    return _TRUTH.get(cell, cell)


def _number(cell: str) -> Any:
    if not _NUMBER.fullmatch(cell):
        return cell
    try:
        return int(cell)
    except ValueError:
        return float(cell)
