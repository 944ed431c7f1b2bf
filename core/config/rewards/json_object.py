"""Whether an answer is JSON with the keys that are asked for."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from core.config.rewards.reward import Reward, final_answer

# The types of JSON Schema, by the name that it gives them.
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,),
    "array": (list,), "object": (dict,), "null": (type(None),), "any": (object,),
}  # fmt: skip


def _wanted(required: str) -> dict[str, str]:
    pairs = (part.strip().partition(":") for part in required.split(",") if part.strip())
    return {name.strip(): kind.strip() or "any" for name, _, kind in pairs}


def _known_types(required: str) -> str:
    for name, kind in _wanted(required).items():
        if kind not in _TYPES:
            told = f"{name} can't be of the type {kind!r}; there are: {', '.join(_TYPES)}"
            raise PydanticCustomError("json_type", told)
    return required


class JsonObject(Reward):
    """1 where the answer is a JSON object with the keys of `required`, each of its type
    (required="city:string, people:integer"), and nothing besides, be it in a code fence. For JSON
    that lacks some, half, and more the more it has. Else 0."""

    name: Literal["json_object"] = "json_object"
    required: Annotated[str, StringConstraints(max_length=1000), AfterValidator(_known_types)] = ""

    def score(self, completion: str, answer: str) -> float | None:
        del answer
        held = _json(_without_fence(final_answer(completion)))
        if not isinstance(held, dict):
            return 0.0
        wanted = _wanted(self.required)
        if not wanted:
            return 1.0
        right = sum(name in held and _is(held[name], kind) for name, kind in wanted.items())
        return (1 + right / len(wanted)) / 2


def _without_fence(text: str) -> str:
    first, *lines = text.split("\n")
    is_fenced = first.strip() in ("```", "```json") and lines and lines[-1].strip() == "```"
    return "\n".join(lines[:-1]) if is_fenced else text


def _json(text: str) -> Any:
    """What a text holds as JSON; None where it is none, or such as only an attacker writes."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    """NaN and Infinity, which Python reads and JSON has not."""
    raise ValueError(constant)


def _is(value: Any, kind: str) -> bool:
    # True is an int in Python.
    if isinstance(value, bool):
        return kind in ("boolean", "any")
    return isinstance(value, _TYPES[kind])
