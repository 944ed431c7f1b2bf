"""Which column plays which part: named by a person, or found from the columns and some rows."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.config.data import NOT_USED, ColumnsSection
from core.config.options import DatasetFormat
from core.data.column_names import BAD_ROWS, OPTIONAL, PARENTS, REQUIRED, columns_called, plain
from core.data.column_values import Table, Values, are_flags, are_said
from core.data.filters import is_true
from core.data.fitting import can_be_answer, column_for, is_vague
from core.data.messages import ROLE_KEYS, ROLES, are_turns
from core.errors import UserError

# Formats that one message by itself could be taken for, or what is left of rows with an answer.
ONE_PART = (DatasetFormat.TEXT, DatasetFormat.PROMPT_ONLY)
# A place for a column in a template. Other braces, as in JSON, are text.
PLACE = re.compile(r"\{([^{}\n\"':,]{1,128})\}")


@dataclass(frozen=True)
class RowMapping:
    """The format of rows, and for each of its parts a column, or a text with {column} in it.

    `texts` are the parts that are such a text, and `why` says what led to it. `unused` are the
    columns that no part takes, and `doubtful` those of them that somebody could mean to teach:
    as `answers`, or as `dialogues`, which are conversations.
    """

    format: DatasetFormat
    parts: dict[str, str]
    texts: tuple[str, ...] = ()
    why: str = ""
    is_guess: bool = False
    unused: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    # Of those that are not used: what is true of rows that are bad, as their names say.
    flags: tuple[str, ...] = ()
    dialogues: tuple[str, ...] = ()

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
    table = Table.of(columns, rows)
    refused = {name for name, value in named if value == NOT_USED and NOT_USED not in columns}
    chosen = {name: value for name, value in named if value and name not in refused}
    for part, value in chosen.items():
        _check_places(part, value, columns)
    for format, seen, known in _ways(wanted, chosen, table):
        if any(part not in REQUIRED[format] + OPTIONAL[format] for part in known):
            continue
        parts = _parts(format, known, table=seen, refused=refused)
        if all(part in parts for part in REQUIRED[format]):
            if not chosen and format in ONE_PART:
                _check_conversation_a_row(table)
            return _accounted(format, parts, table=table, chosen=chosen, refused=refused)
    if wanted is DatasetFormat.AUTO:
        if not chosen and (guess := _guess(table)) is not None:
            return guess
        raise _unknown(columns)
    raise _missing(wanted, chosen, table=table, refused=refused)


def _ways(
    wanted: DatasetFormat, chosen: dict[str, str], table: Table
) -> Iterator[tuple[DatasetFormat, Table, dict[str, str]]]:
    """The formats that rows may have, the surest first, each with the columns to look at."""
    deeper = table.with_fields()
    dialogues = [column for column in table.columns if table.is_dialogue(column)]
    spoken = {"messages": dialogues[0]} if len(dialogues) == 1 else {}
    if wanted is not DatasetFormat.AUTO:
        yield from ((wanted, table, chosen), (wanted, deeper, chosen))
        if wanted is DatasetFormat.MESSAGES:
            yield wanted, table, spoken | chosen
        return
    whole = [format for format in REQUIRED if format not in ONE_PART]
    yield from ((format, table, chosen) for format in whole)
    yield from ((format, deeper, chosen) for format in whole)
    # Conversations are what they are, whatever the column is called.
    yield DatasetFormat.MESSAGES, table, spoken | chosen
    yield from ((format, table, chosen) for format in ONE_PART)


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
    used = {column for value in parts.values() for column in places(value, table.all)}
    outer = {column.rpartition(".")[0] for column in used}
    unused = tuple(column for column in table.columns if column not in used | outer)
    # Who names the required parts has looked at the columns; what others repeat is not lost.
    is_named = all(part in chosen for part in REQUIRED[format])
    known = {c for part in refused for c in columns_called(part, table.all)}
    doubtful = tuple(
        column
        for column in table.all
        if column not in known | used | outer
        and column.rpartition(".")[0] not in used
        and table.is_text_to_learn(column)
        and not table.repeats(column, used)
    )
    # A text may be one itself, and so may each answer of a pair.
    whole = (part for part in ("text", "chosen") if part in parts and "prompt" not in parts)
    dialogues = [c for c in (*unused, *map(parts.get, whole)) if c and table.is_dialogue(c)]
    return RowMapping(
        format,
        parts,
        texts=tuple(part for part, value in parts.items() if value not in table.all),
        why=guess or _why(parts, chosen),
        is_guess=bool(guess),
        unused=unused,
        doubtful=() if is_named else doubtful,
        answers=tuple(column for column in doubtful if can_be_answer(column, table)),
        flags=tuple(column for column in unused if _flags_bad_rows(column, table)),
        dialogues=() if format is DatasetFormat.MESSAGES else tuple(dialogues),
    )


def _flags_bad_rows(column: str, table: Table) -> bool:
    values = table.values(column)
    is_named = bool(BAD_ROWS & set(plain(column).split("_")))
    return is_named and are_flags(values) and any(is_true(value) for value in values)


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
        taken = {column for value in values for column in places(value, table.all)}
        value = chosen.get(part)
        if value is None and part not in refused:
            value = column_for(part, format, table, taken=taken)
        if value:
            parts[part] = value
    return parts


def _check_conversation_a_row(table: Table) -> None:
    """Rows that each are one message make no text and no conversation by themselves."""
    roles = next((c for c in table.columns if plain(c) in ROLE_KEYS), None)
    parent = next((c for c in table.columns if plain(c) in PARENTS), None)
    said = {ROLES.get(str(value).lower()) for value in table.values(roles)} if roles else set()
    if roles is None or not (parent or {"user", "assistant"} <= said):
        return
    names = f"{parent!r} names the message that it answers" if parent else f"{roles!r} its role"
    raise UserError(
        f"Each row of this data is one message, and {names}.",
        hint="Use a version of it whose rows are whole conversations, or join the rows first.",
        field="dataset.format",
    )


def _guess(table: Table) -> RowMapping | None:
    """One column of text is a text; two are a question and its answer; a list of texts, turns."""
    for column in filter(is_vague, table.columns):
        if (values := table.values(column)) and all(map(are_turns, values)):
            why = f"{column!r} holds lists of texts, so they were taken as turns, the user's first"
            parts = {"messages": column}
            return _accounted(DatasetFormat.MESSAGES, parts, table=table, chosen={}, guess=why)
    rows = table.rows
    texts = [c for c in table.columns if rows and all(isinstance(row.get(c), str) for row in rows)]
    prose = [c for c in table.all if can_be_answer(c, table)]
    if len(texts) == 1 and prose in ([], texts) and are_said(table.texts(texts[0])):
        _check_conversation_a_row(table)
        why = f"{texts[0]!r} is the only column of text, so it was taken as text to learn"
        return _accounted(DatasetFormat.TEXT, {"text": texts[0]}, table=table, chosen={}, guess=why)
    pair = texts if len(prose) < 2 else prose
    if len(pair) == 2 and not table.repeats(pair[1], pair[:1]):
        _check_conversation_a_row(table)
        prompt, completion = pair
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
                f"Rows of the format `{format.value}` have no part called {part}.",
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
