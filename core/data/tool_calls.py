"""Calls of tools, as chat templates read them."""

from typing import Any

from core.data.json_values import NotMessages, json_value, without_padding

# Turns that are the call itself, as JSON.
CALLS = ("function_call", "tool_call")


def calling(value: Any) -> dict[str, Any] | None:
    """A message that calls tools, of a value that is such calls, be it as JSON; else None."""
    try:
        calls = json_value(value)
        if not isinstance(calls, list) or not calls:
            return None
        made = [_call(json_value(call)) for call in calls]
    except NotMessages:
        return None
    return {"role": "assistant", "content": "", "tool_calls": made}


def calls_of(item: dict[str, Any], *, speaker: str, content: str | None) -> list[Any]:
    """The tool calls of a message, as chat templates read them: arguments as an object."""
    calls = item.get("tool_calls")
    if not calls and item.get("function_call"):
        calls = [item["function_call"]]
    if not calls and speaker in CALLS:
        calls = [content] if content else []
    calls = calls or []
    if isinstance(calls, str):
        calls = json_value(calls)
    if not isinstance(calls, list):
        raise NotMessages("has tool calls that are not a list")
    return [_call(json_value(call)) for call in calls]


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise NotMessages("has a tool call without the name of a function")
    arguments = without_padding(json_value(function.get("arguments") or {}))
    made: dict[str, Any] = {
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }
    return made | ({"id": call["id"]} if isinstance(call.get("id"), str) else {})
