"""Which of the columns is a part of a row, by their names and by what the rows have in them."""

from collections.abc import Collection
from typing import Any

from core.config.options import DatasetFormat
from core.data.column_names import CHOICES, INPUTS, NAMES, OPTIONAL, columns_called, plain
from core.data.column_values import Table, are_links, are_said, pieces_of
from core.data.messages import are_turns, is_conversation


def column_for(
    part: str, format: DatasetFormat, table: Table, *, taken: Collection[str]
) -> str | None:
    """The column, or two in a template, that this part of a row comes from; None where none is."""
    fitting = [
        column
        for column in columns_called(part, table.columns)
        if column not in taken and _fits(part, format, column, table)
    ]
    if part == "prompt":
        if format is not DatasetFormat.PREFERENCE:
            fitting = [c for c in fitting if not _holds_an_answer(c, table)]
        spoken = columns_called("messages", table.columns)
        fitting += [c for c in spoken if c not in taken and table.asks(c)]
    # Empty in the first rows, it may be filled in later ones: better than none.
    column = next((c for c in fitting if table.values(c)), next(iter(fitting), None))
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


def is_vague(column: str) -> bool:
    """Whether a name says so little that a list of texts under it may be anything."""
    return plain(column) == "data"


# What people write for an answer that is good, and for one that is bad.
RATINGS: dict[str, bool] = {
    **dict.fromkeys(("true", "1", "yes", "good", "positive", "like", "thumbs_up", "👍"), True),
    **dict.fromkeys(("false", "0", "no", "bad", "negative", "dislike", "thumbs_down", "👎"), False),
}


def label(value: Any) -> bool | None:
    """A rating as good or bad; None where it is neither."""
    if isinstance(value, str):
        return RATINGS.get(value.strip().lower().replace(" ", "_"))
    return bool(value) if value in (0, 1) else None


def can_be_answer(column: str, table: Table) -> bool:
    """Whether a column holds text that somebody could mean as the answer."""
    is_choice = bool({plain(column), *plain(column.partition(".")[0]).split("_")} & {*CHOICES})
    return not is_choice and bool(table.texts(column)) and table.is_text_to_learn(column)


def _holds_an_answer(column: str, table: Table) -> bool:
    """Whether a column is a whole text made of the prompt and its answer."""
    answers = columns_called("completion", table.columns)
    return any(table.holds(column, answer) for answer in answers if answer != column)


def _input_of(column: str, table: Table, taken: Collection[str]) -> str | None:
    """The column that a prompt speaks of, where it does not hold that itself."""
    named = (extra for name in INPUTS for extra in table.all if plain(extra) == name)
    for extra in named:
        if extra == column or extra in taken:
            continue
        values, texts = table.values(extra), table.texts(extra)
        # What is empty in the first rows may be filled in later ones.
        if (not values or are_said(texts)) and not table.holds(column, extra):
            return extra
    return None


def _fits(part: str, format: DatasetFormat, column: str, table: Table) -> bool:
    """Whether the rows' values are such as this part has; a bad row among them is told later."""
    values = table.values(column)
    if not values:
        # Text that is learned whole is all that there is.
        is_alone = part == "text" and plain(column) != part
        needed = ("prompt", "completion", "text", "messages")
        return part in OPTIONAL[format] or (part in needed and not is_alone)
    texts = [text for value in values for text in pieces_of(value)]
    is_said = are_said(texts)
    match part:
        case "messages":
            if is_vague(column) and any(map(are_turns, values)):
                return False
            return (column == part or any(map(is_conversation, values))) and not table.asks(column)
        case "label":
            return all(label(value) is not None for value in values)
        case "tools":
            return all(isinstance(value, str | list) for value in values)
        case "history":
            return all(isinstance(value, list) for value in values)
        case "prompt" | "chosen" | "rejected":
            if texts and (are_links(texts) or (plain(column) == "source" and not is_said)):
                return False
            return any(isinstance(value, str) or _is_spoken(value) for value in values)
        case "reasoning":
            return is_said and bool(table.texts(column))
        case "text":
            # A passage beside a question is no text by itself.
            asked = plain(column) in INPUTS and columns_called("prompt", table.columns)
            is_text = any(isinstance(value, str) for value in values)
            return is_text and not asked and not are_links(texts)
        case "completion":
            # A longer name says less.
            is_sure = plain(column) in NAMES[part]
            return (bool(texts) if is_sure else is_said) or any(map(_is_spoken, values))
    return bool(texts)


def _is_spoken(value: Any) -> bool:
    """Whether a value is a conversation with roles; a list of texts alone may be anything."""
    return not pieces_of(value) and is_conversation(value)
