"""One row of a person's data, and what every kind of file asks of its rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError

# No table that teaches a model has more, or longer names.
MAX_COLUMNS, MAX_NAME = 1000, 8192
SKIP = "or turn on `filters.skip_unreadable`"
# How text begins that is not UTF-8, as Excel saves it.
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Row:
    """One row, and where it stands ("line 7"), for messages about it.

    `fault` says why there are no values, where the rows after it can be read all the same. `notes`
    say of columns what is not read as it is written, and `lost` has this row's cells that are read
    as no value.
    """

    place: str
    values: dict[str, Any]
    fault: UserError | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)


def encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in UTF16 else "utf-8-sig"


def check_names(columns: Collection[str], *, where: str) -> None:
    """Refuse columns that nobody could choose from, or whose names can't be shown."""
    if len(columns) > MAX_COLUMNS:
        raise UserError(
            f"{where} has {len(columns):,} columns; SmolFactory reads at most {MAX_COLUMNS:,}.",
            hint="Leave only the columns with the prompt and the answer.",
        )
    if (bad := next((name for name in columns if not can_be_shown(name)), None)) is not None:
        raise UserError(
            f"{where} has a column whose name is too long or no text: {bad[:40]!r}.",
            hint="Give it a short name.",
        )


def can_be_shown(name: str) -> bool:
    """Whether a name is a text: JSON can hold half a character, which nothing can show."""
    if len(name) > MAX_NAME:
        return False
    return name.isascii() or name.encode(errors="ignore").decode() == name
