"""What a person writes on one line: a name, then settings as key=value, quoted as in a shell."""

import shlex
from collections.abc import Collection
from typing import Any

from pydantic_core import PydanticCustomError

from core.config.setting import Section

MAX_LINE = 1024


def read_line(line: str, *, keys: Collection[str], form: str) -> dict[str, Any]:
    """The values on a line, the name among them. Raises PydanticCustomError, which tells `form`."""
    # Python's shlex takes minutes for megabytes.
    if len(line) > MAX_LINE:
        raise PydanticCustomError("line", "This line is too long")
    try:
        name, *named = shlex.split(line) or [""]
    except ValueError as error:
        raise PydanticCustomError("line", "This line has an unclosed quote") from error
    values = {"name": name}
    for part in named:
        key, _, given = part.partition("=")
        if key not in keys or not given or key in values:
            raise PydanticCustomError(
                "line", f"Write {form}, each once; {part!r} is not one of them"
            )
        values[key] = given
    return values


class Line(Section):
    """A section that a person may write on one line: its `name`, then what is not as by default."""

    name: str

    @property
    def line(self) -> str:
        usual = {name: field.get_default() for name, field in type(self).model_fields.items()}
        values = self.model_dump(mode="json", exclude={"name"})
        named = [f"{key}={_text(value)}" for key, value in values.items() if value != usual[key]]
        return shlex.join([self.name, *named])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)
