"""Which column plays which part: named by a person, or found from the columns and some rows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.config.data import ColumnsSection
from core.config.options import DatasetFormat
from core.data.messages import is_conversation
from core.errors import UserError

Values = Mapping[str, Any]

# What a row of each format must have, and what it may have besides.
REQUIRED: dict[DatasetFormat, tuple[str, ...]] = {
    DatasetFormat.PREFERENCE: ("chosen", "rejected"),
    DatasetFormat.UNPAIRED_PREFERENCE: ("prompt", "completion", "label"),
    DatasetFormat.MESSAGES: ("messages",),
    DatasetFormat.PROMPT_COMPLETION: ("prompt", "completion"),
    DatasetFormat.TEXT: ("text",),
    DatasetFormat.PROMPT_ONLY: ("prompt",),
}
OPTIONAL: dict[DatasetFormat, tuple[str, ...]] = {
    DatasetFormat.PREFERENCE: ("prompt", "system", "developer", "tools"),
    DatasetFormat.UNPAIRED_PREFERENCE: ("system", "developer", "tools"),
    DatasetFormat.MESSAGES: ("system", "developer", "tools"),
    DatasetFormat.PROMPT_COMPLETION: ("reasoning", "system", "developer", "tools"),
    DatasetFormat.TEXT: (),
    DatasetFormat.PROMPT_ONLY: ("answer", "system", "developer", "tools"),
}
# What datasets call each part, the surest name first.
NAMES: dict[str, tuple[str, ...]] = {
    "messages": (
        "messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns",
    ),
    "prompt": (
        "prompt", "instruction", "question", "query", "problem", "input", "user", "human", "source",
    ),
    "completion": (
        "completion", "response", "output", "answer", "solution", "assistant", "target", "reply",
        "final_answer", "ground_truth",
    ),
    "reasoning": (
        "reasoning", "reasoning_content", "thinking", "thought", "rationale", "chain_of_thought",
        "cot",
    ),
    "text": ("text", "content", "document", "article", "body", "passage"),
    "chosen": ("chosen", "preferred", "accepted", "winner", "response_chosen", "chosen_response"),
    "rejected": (
        "rejected", "dispreferred", "loser", "response_rejected", "rejected_response",
    ),
    "label": ("label", "is_good", "thumbs_up", "desirable", "feedback"),
    "answer": ("answer", "solution", "ground_truth", "final_answer", "reference"),
    "tools": ("tools", "functions"),
    "system": ("system", "system_prompt", "system_message"),
    "developer": ("developer",),
}  # fmt: skip
# Beside an instruction, what it is to be applied to.
INPUTS = ("input", "context")
# A place for a column in a template. Other braces, as in JSON, are text.
PLACE = re.compile(r"\{([^{}\n\"':,]{1,128})\}")


@dataclass(frozen=True)
class RowMapping:
    """The format of rows, and for each of its parts a column, or a text with {column} in it.

    `texts` are the parts that are such a text. `sure` is false where nothing but a guess led to
    it; `why` says what did.
    """

    format: DatasetFormat
    parts: dict[str, str]
    texts: tuple[str, ...] = ()
    why: str = ""
    sure: bool = True


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
    chosen = {name: value for name, value in named if value}
    for part, value in chosen.items():
        _check_places(part, value, columns)
    formats = list(REQUIRED) if wanted is DatasetFormat.AUTO else [wanted]
    for format in formats:
        if any(part not in REQUIRED[format] + OPTIONAL[format] for part in chosen):
            continue
        parts = _parts(format, chosen, columns=columns, rows=rows)
        if all(part in parts for part in REQUIRED[format]):
            texts = tuple(part for part, value in parts.items() if value not in columns)
            return RowMapping(format, parts, texts, why=_why(parts, chosen))
    if wanted is DatasetFormat.AUTO:
        if not chosen and (guess := _guess(columns, rows)) is not None:
            return guess
        raise _unknown(columns)
    raise _missing(wanted, chosen, columns=columns, rows=rows)


def places(value: str, columns: Iterable[str]) -> list[str]:
    """The columns that a part's value speaks of."""
    known = set(columns)
    if value in known:
        return [value]
    return [name for name in PLACE.findall(value) if name in known]


def _parts(
    format: DatasetFormat, chosen: Values, *, columns: Sequence[str], rows: Sequence[Values]
) -> dict[str, str]:
    """The parts of a format that are named, or else to be found in columns that are left."""
    parts: dict[str, str] = {}
    named = {part: value for part, value in chosen.items() if part in REQUIRED[format]}
    for part in REQUIRED[format] + OPTIONAL[format]:
        values = (named | parts).values()
        taken = {column for value in values for column in places(value, columns)}
        value = chosen.get(part) or _find(part, format, columns, rows, taken)
        if value:
            parts[part] = value
    return parts


def _find(
    part: str,
    format: DatasetFormat,
    columns: Sequence[str],
    rows: Sequence[Values],
    taken: set[str],
) -> str | None:
    by_name = {column.strip().lower().replace("-", "_"): column for column in columns}
    found = (by_name[name] for name in NAMES[part] if name in by_name)
    column = next((c for c in found if c not in taken and _fits(part, format, c, rows)), None)
    if part == "prompt" and column and column.strip().lower() == "instruction":
        extra = next((by_name[name] for name in INPUTS if name in by_name), None)
        return f"{{{column}}}\n\n{{{extra}}}" if extra else column
    return column


def _fits(part: str, format: DatasetFormat, column: str, rows: Sequence[Values]) -> bool:
    """Whether the rows' values are such as this part has; a bad row among them is told later."""
    values = [row[column] for row in rows if row.get(column) not in (None, "", [])]
    if not values:
        return part in OPTIONAL[format] or part in ("prompt", "completion", "text", "messages")
    if part == "messages":
        return column == part or any(is_conversation(value) for value in values)
    if part == "label":
        return all(label(value) is not None for value in values)
    if part == "tools":
        return all(isinstance(value, str | list) for value in values)
    if part in ("prompt", "completion", "chosen", "rejected"):
        return any(isinstance(value, str) or is_conversation(value) for value in values)
    return any(isinstance(value, str | int | float) for value in values)


def label(value: Any) -> bool | None:
    """A rating as good or bad; None where it is neither."""
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _guess(columns: Sequence[str], rows: Sequence[Values]) -> RowMapping | None:
    """One column of text is a text; two are a question and its answer."""
    texts = [c for c in columns if rows and all(isinstance(row.get(c), str) for row in rows)]
    if len(texts) == 1:
        return RowMapping(
            DatasetFormat.TEXT, {"text": texts[0]}, sure=False,
            why=f"{texts[0]!r} is the only column of text, so it was taken as text to learn",
        )  # fmt: skip
    if len(texts) == 2:
        prompt, completion = texts
        return RowMapping(
            DatasetFormat.PROMPT_COMPLETION, {"prompt": prompt, "completion": completion},
            sure=False,
            why=f"{prompt!r} comes before {completion!r}, so it was taken as the prompt",
        )  # fmt: skip
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
    format: DatasetFormat, chosen: Values, *, columns: Sequence[str], rows: Sequence[Values]
) -> UserError:
    for part in chosen:
        if part not in REQUIRED[format] + OPTIONAL[format]:
            return UserError(
                f"Rows of the format {format.value} have no part called {part}.",
                hint="Leave it empty, or choose another format.",
                field=f"columns.{part}",
            )
    found = _parts(format, chosen, columns=columns, rows=rows)
    part = next(part for part in REQUIRED[format] if part not in found)
    return UserError(
        f"Nothing tells which column is the {part}. This data has: {_listed(columns)}.",
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
