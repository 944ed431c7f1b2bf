"""The shape of an example: told from the columns, and each row brought into it or refused."""

import json
from collections.abc import Collection
from typing import Any

from core.data.files import Row
from core.errors import UserError
from core.options import DatasetShape
from core.sections import DatasetSection

Message = dict[str, str]
Example = dict[str, Any]

_ROLES = ("system", "developer", "user", "assistant", "tool")


def find_shape(dataset: DatasetSection, columns: Collection[str]) -> DatasetShape:
    """The shape that the settings name, or that the columns show.

    Raises UserError at the setting that names a column which is not there.
    """
    shapes = list(_columns(dataset)) if dataset.shape is DatasetShape.AUTO else [dataset.shape]
    for shape in shapes:
        if all(column in columns for column in _columns(dataset)[shape].values()):
            return shape
    listed = ", ".join(sorted(columns)[:20]) or "none"
    if dataset.shape is DatasetShape.AUTO:
        raise UserError(
            f"This data has no columns that SmolFactory knows. It has: {listed}.",
            hint="Name its columns under Advanced: messages, or prompt and completion, or text.",
            field="dataset.shape",
        )
    field, column = next(
        (field, column)
        for field, column in _columns(dataset)[dataset.shape].items()
        if column not in columns
    )
    raise UserError(
        f"This data has no column {column!r}. It has: {listed}.",
        hint="Name the right column.",
        field=f"dataset.{field}",
    )


def to_example(row: Row, *, dataset: DatasetSection, shape: DatasetShape) -> Example:
    """A row as TRL takes it: messages; prompt and completion; or text.

    Raises UserError, with the row's place, when the row can't be brought into the shape.
    """
    if shape is DatasetShape.MESSAGES:
        return {"messages": _messages(row, dataset.messages_column)}
    if shape is DatasetShape.PROMPT_COMPLETION:
        return {
            "prompt": [{"role": "user", "content": _text(row, dataset.prompt_column)}],
            "completion": [{"role": "assistant", "content": _text(row, dataset.completion_column)}],
        }
    return {"text": _text(row, dataset.text_column)}


def _columns(dataset: DatasetSection) -> dict[DatasetShape, dict[str, str]]:
    """By shape: the settings that name its columns, and the columns they name."""
    return {
        DatasetShape.MESSAGES: {"messages_column": dataset.messages_column},
        DatasetShape.PROMPT_COMPLETION: {
            "prompt_column": dataset.prompt_column,
            "completion_column": dataset.completion_column,
        },
        DatasetShape.TEXT: {"text_column": dataset.text_column},
    }


def _text(row: Row, column: str) -> str:
    value = row.values.get(column)
    if not isinstance(value, str) or not value.strip():
        found = "nothing" if value in (None, "") else f"{str(value)[:40]!r}"
        raise _refusal(row, column, f"should be text, but it is {found}")
    return _whole(row, column, value)


def _messages(row: Row, column: str) -> list[Message]:
    value = row.values.get(column)
    if isinstance(value, str):
        # A csv can hold a list only as text.
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise _refusal(row, column, "is not a list of messages") from error
    if not isinstance(value, list) or not value:
        raise _refusal(row, column, "should be a list of messages, with one at least")
    messages = [_message(row, column, item) for item in value]
    if not any(message["role"] == "assistant" for message in messages):
        raise _refusal(row, column, "has no message of the assistant to learn from")
    return messages


def _message(row: Row, column: str, item: Any) -> Message:
    if not isinstance(item, dict):
        raise _refusal(row, column, "should be a list of objects with role and content")
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise _refusal(row, column, f"has a role {str(role)[:40]!r}; known are {', '.join(_ROLES)}")
    if not isinstance(content, str):
        raise _refusal(row, column, f"has a {role} message whose content is not text")
    return {"role": role, "content": _whole(row, column, content)}


def _whole(row: Row, column: str, text: str) -> str:
    """JSON can hold half a character, which no file and no tokenizer can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _refusal(row, column, "has half a character (a lone surrogate)") from error
    return text


def _refusal(row: Row, column: str, problem: str) -> UserError:
    return UserError(
        f"The column {column!r} in {row.place} {problem}.",
        hint="Put the row right or take it out; SmolFactory trains on no row it can't format.",
        field="dataset.file",
    )
