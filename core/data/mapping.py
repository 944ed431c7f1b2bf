"""Which column plays which part: named by a person, or found from the columns and some rows."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.config.data import NOT_USED, ColumnsSection
from core.config.options import DatasetFormat
from core.data.column_names import (
    INPUTS,
    OPTIONAL,
    PARENTS,
    REQUIRED,
    columns_called,
    plain,
)
from core.data.column_values import Table, Values, are_flags, are_links, are_names
from core.data.messages import ROLE_KEYS, is_conversation
from core.errors import UserError

# Formats that one message by itself could be taken for.
ONE_PART = (DatasetFormat.TEXT, DatasetFormat.PROMPT_ONLY)
# A place for a column in a template. Other braces, as in JSON, are text.
PLACE = re.compile(r"\{([^{}\n\"':,]{1,128})\}")


@dataclass(frozen=True)
class RowMapping:
    """The format of rows, and for each of its parts a column, or a text with {column} in it.

    `texts` are the parts that are such a text, and `why` says what led to it. `unused` are the
    columns that no part takes, and `doubtful` those of them that somebody could mean to teach.
    """

    format: DatasetFormat
    parts: dict[str, str]
    texts: tuple[str, ...] = ()
    why: str = ""
    is_guess: bool = False
    unused: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    # Those of them that hold conversations.
    conversations: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        return not self.is_guess and not self.doubtful


def find_mapping(
    wanted: DatasetFormat,
    named: ColumnsSection,
    *,
    columns: Sequence[str],
    rows: Sequence[Values],
) -> RowMapping:
    """Find what each column is for, from what was `named`, the columns' names, and some rows.

    `wanted` is the format that the rows are to have.

    Raises UserError at the setting that names what is not there, or at dataset.format.
    """
    table = Table(columns, rows)
    refused = {name for name, value in named if value == NOT_USED and NOT_USED not in columns}
    chosen = {name: value for name, value in named if value and name not in refused}
    for part, value in chosen.items():
        _check_places(part, value, columns)
    formats = list(REQUIRED) if wanted is DatasetFormat.AUTO else [wanted]
    for format in formats:
        if any(part not in REQUIRED[format] + OPTIONAL[format] for part in chosen):
            continue
        parts = _parts(format, chosen, table=table, refused=refused)
        if all(part in parts for part in REQUIRED[format]):
            if not chosen:
                _check_tree(format, table)
            return _accounted(format, parts, table=table, chosen=chosen, refused=refused)
    if wanted is DatasetFormat.AUTO:
        if not chosen and (guess := _guess(table)) is not None:
            return guess
        raise _unknown(columns)
    raise _missing(wanted, chosen, table=table, refused=refused)


def _accounted(
    format: DatasetFormat,
    parts: dict[str, str],
    *,
    table: Table,
    chosen: Values,
    refused: Collection[str] = (),
    guess: str = "",
) -> RowMapping:
    """The mapping, with what becomes of every column; `guess` says which guess led to it."""
    used = {column for value in parts.values() for column in places(value, table.columns)}
    unused = tuple(column for column in table.columns if column not in used)
    # Who names the required parts has looked at the columns; what others repeat is not lost.
    is_named = all(part in chosen for part in REQUIRED[format])
    known = {c for part in refused for c in columns_called(part, list(table.columns))}
    doubtful = (
        column
        for column in unused
        if column not in known
        and table.is_text_to_learn(column)
        and not table.repeats(column, used)
    )
    return RowMapping(
        format,
        parts,
        texts=tuple(part for part, value in parts.items() if value not in table.columns),
        why=guess or _why(parts, chosen),
        is_guess=bool(guess),
        unused=unused,
        doubtful=() if is_named else tuple(doubtful),
        conversations=tuple(c for c in unused if columns_called("messages", [c])),
    )


def places(value: str, columns: Iterable[str]) -> list[str]:
    """The columns that a part's value speaks of."""
    known = set(columns)
    if value in known:
        return [value]
    return [name for name in PLACE.findall(value) if name in known]


def _parts(
    format: DatasetFormat, chosen: Values, *, table: Table, refused: Collection[str]
) -> dict[str, str]:
    """The parts of a format that are named, or else to be found in columns that are left."""
    parts: dict[str, str] = {}
    named = {part: value for part, value in chosen.items() if part in REQUIRED[format]}
    for part in REQUIRED[format] + OPTIONAL[format]:
        values = (named | parts).values()
        taken = {column for value in values for column in places(value, table.columns)}
        value = chosen.get(part)
        if value is None and part not in refused:
            value = _find(part, format, table, taken)
        if value:
            parts[part] = value
    return parts


def _find(part: str, format: DatasetFormat, table: Table, taken: Collection[str]) -> str | None:
    fitting = [
        column
        for column in columns_called(part, list(table.columns))
        if column not in taken and _fits(part, format, column, table)
    ]
    if part == "prompt" and format is not DatasetFormat.PREFERENCE:
        fitting = [c for c in fitting if not _holds_an_answer(c, table)]
    column = next(iter(fitting), None)
    if column is None:
        return None
    if part == "completion":
        # The worked solution, and not the short answer that stands at its end.
        for other in fitting:
            if table.holds(other, column, at_least=1):
                column = other
    if part == "prompt" and (extra := _input_of(column, table, taken)) is not None:
        return f"{{{column}}}\n\n{{{extra}}}"
    return column


def _holds_an_answer(column: str, table: Table) -> bool:
    """Whether a column is a whole text made of the prompt and its answer."""
    answers = columns_called("completion", list(table.columns))
    return any(table.holds(column, answer) for answer in answers if answer != column)


def _input_of(column: str, table: Table, taken: Collection[str]) -> str | None:
    """The column that a prompt speaks of, where it does not hold that itself."""
    by_name = {plain(name): name for name in table.columns}
    for name in INPUTS:
        extra = by_name.get(name)
        if extra is None or extra == column or extra in taken:
            continue
        values = table.values(extra)
        is_text = all(isinstance(value, str) for value in values)
        # What is empty in the first rows may be filled in later ones.
        is_other = bool(values) and (are_flags(values) or are_names(values) or are_links(values))
        if is_text and not is_other and not table.holds(column, extra):
            return extra
    return None


def _fits(part: str, format: DatasetFormat, column: str, table: Table) -> bool:
    """Whether the rows' values are such as this part has; a bad row among them is told later."""
    values = table.values(column)
    if not values:
        return part in OPTIONAL[format] or part in ("prompt", "completion", "text", "messages")
    match part:
        case "messages":
            return column == part or any(is_conversation(value) for value in values)
        case "label":
            return all(label(value) is not None for value in values)
        case "tools":
            return all(isinstance(value, str | list) for value in values)
        case "history":
            return all(isinstance(value, list) for value in values)
        case "prompt" | "chosen" | "rejected":
            if are_links(values) or (plain(column) == "source" and are_names(values)):
                return False
            return any(isinstance(value, str) or is_conversation(value) for value in values)
        case "reasoning":
            texts = all(isinstance(value, str) for value in values)
            return texts and not (are_flags(values) or are_names(values) or are_links(values))
        case "text":
            return any(isinstance(value, str) for value in values) and not are_links(values)
        case "completion":
            return any(isinstance(v, str | int | float) or is_conversation(v) for v in values)
    return any(isinstance(value, str | int | float) for value in values)


def _check_tree(format: DatasetFormat, table: Table) -> None:
    """Rows that each are one message of a tree make no text and no conversation by themselves."""
    parent = next((c for c in table.columns if plain(c) in PARENTS), None)
    has_roles = any(plain(column) in ROLE_KEYS for column in table.columns)
    if parent is None or not has_roles or format not in ONE_PART:
        return
    raise UserError(
        f"Each row of this data is one message, and {parent!r} names the message that it answers.",
        hint="Use a version of it whose rows are whole conversations, or join the rows first.",
        field="dataset.format",
    )


def label(value: Any) -> bool | None:
    """A rating as good or bad; None where it is neither."""
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _guess(table: Table) -> RowMapping | None:
    """One column of text is a text; two are a question and its answer."""
    rows = table.rows
    texts = [c for c in table.columns if rows and all(isinstance(row.get(c), str) for row in rows)]
    if len(texts) == 1:
        _check_tree(DatasetFormat.TEXT, table)
        why = f"{texts[0]!r} is the only column of text, so it was taken as text to learn"
        return _accounted(DatasetFormat.TEXT, {"text": texts[0]}, table=table, chosen={}, guess=why)
    if len(texts) == 2:
        prompt, completion = texts
        why = f"{prompt!r} comes before {completion!r}, so it was taken as the prompt"
        parts = {"prompt": prompt, "completion": completion}
        return _accounted(DatasetFormat.PROMPT_COMPLETION, parts, table=table, chosen={}, guess=why)
    return None


def _why(parts: Values, chosen: Values) -> str:
    found = [f"{part} from {value!r}" for part, value in parts.items() if part not in chosen]
    return f"found by their names: {', '.join(found)}" if found else "as you named them"


def _check_places(part: str, value: str, columns: Sequence[str]) -> None:
    """What a person named must be there: a column, or a text whose {places} are columns."""
    missing = [name for name in PLACE.findall(value) if name not in columns]
    # A text without any column says the same in each row, which suits instructions alone.
    constant = not places(value, columns) and part not in ("system", "developer")
    if value not in columns and (missing or constant):
        raise UserError(
            f"This data has no column {(missing or [value])[0]!r}. It has: {_listed(columns)}.",
            hint="Name one of them, or write a text with {column} in it.",
            field=f"columns.{part}",
        )


def _missing(
    format: DatasetFormat, chosen: Values, *, table: Table, refused: Collection[str]
) -> UserError:
    for part in chosen:
        if part not in REQUIRED[format] + OPTIONAL[format]:
            return UserError(
                f"Rows of the format {format.value} have no part called {part}.",
                hint="Leave it empty, or choose another format.",
                field=f"columns.{part}",
            )
    found = _parts(format, chosen, table=table, refused=refused)
    part = next(part for part in REQUIRED[format] if part not in found)
    return UserError(
        f"Nothing tells which column is the {part}. This data has: {_listed(table.columns)}.",
        hint=f"Name it: set `columns.{part}`.",
        field=f"columns.{part}",
    )


def _unknown(columns: Sequence[str]) -> UserError:
    return UserError(
        f"This data has no columns that SmolFactory knows. It has: {_listed(columns)}.",
        hint="Say which column is for what: set `columns.messages`, or `columns.prompt` and "
        "`columns.completion`, or `columns.text`.",
        field="dataset.format",
    )


def _listed(columns: Sequence[str]) -> str:
    names = ", ".join(name[:60] for name in columns[:20]) + (" …" if len(columns) > 20 else "")
    return names or "none"
