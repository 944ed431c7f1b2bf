"""Values of rows that no type of file holds by itself, and why they are no messages."""

import json
import re
from typing import Any

# Some million tokens, of which no model reads more.
MAX_CHARACTERS = 4_000_000
_PYTHON_LIST = re.compile(r"\s*[\[{]+\s*'")


class NotMessages(ValueError):
    """What is wrong with a value that should be a conversation; its text goes on a sentence."""


def whole(text: str) -> str:
    """The text itself, unless no model could read it.

    JSON can hold half a character, which no file and no tokenizer can. Raises NotMessages.
    """
    if len(text) > MAX_CHARACTERS:
        raise NotMessages(
            f"has {len(text) / 1e6:.0f} million characters, far more than a model can read"
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise NotMessages("has half a character (a lone surrogate)") from error
    return text


def json_value(value: Any) -> Any:
    """A csv can hold a list only as text."""
    return _from_json(value) if isinstance(value, str) else value


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if _PYTHON_LIST.match(text):
            raise NotMessages(
                "has Python's quotes instead of JSON's: write it with json.dumps, and not with str"
            ) from error
        raise NotMessages("is not a list of messages") from error


def without_padding(value: Any) -> Any:
    """A value without the keys that are None: Arrow gives every object every key of the column.

    Raises NotMessages.
    """
    try:
        return _unpadded(value)
    except RecursionError as error:
        raise NotMessages("is too deeply nested") from error


def _unpadded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unpadded(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_unpadded(each) for each in value]
    return value
