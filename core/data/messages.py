"""Conversations of any nesting in use, brought into a list of messages with role and content."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, Any]

# The names that datasets on the Hub give to who speaks and to what is said.
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "user_type")
CONTENT_KEYS = ("content", "value", "text", "message", "body", "utterance")
# A conversation may lie one level deeper.
NESTS = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog")
ROLES = {
    "system": "system", "context": "system",
    "developer": "developer",
    "user": "user", "human": "user", "prompter": "user", "customer": "user", "instruction": "user",
    "question": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "ai": "assistant", "chatgpt": "assistant", "chatbot": "assistant", "agent": "assistant",
    "bing": "assistant", "bard": "assistant", "gemini": "assistant", "claude": "assistant",
    "llm": "assistant",
    "answer": "assistant", "function_call": "assistant", "tool_call": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool",
    "tool_response": "tool", "ipython": "tool",
}  # fmt: skip
# Some million tokens, of which no model reads more.
MAX_CHARACTERS = 4_000_000
# Turns that are the call itself, as JSON.
CALLS = ("function_call", "tool_call")
# What a message may carry beside its content, as chat templates read it.
EXTRAS = ("name", "tool_call_id")
# What a message was thought of before, by the names that datasets give it.
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts")
REASONING = "reasoning_content"
# Set on a message that is not to be learned.
NOT_LEARNED = "not_learned"
# One turn of a person and its answer, in one object.
PAIRS = (
    ("input", "output"),
    ("prompt", "response"),
    ("prompt", "completion"),
    ("question", "answer"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("human", "assistant"),
    ("user", "assistant"),
)
_PYTHON_LIST = re.compile(r"\s*[\[{]+\s*'")
_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant|H|A): ?")


class NotMessages(ValueError):
    """What is wrong with a value that should be a conversation; its text goes on a sentence."""


def is_conversation(value: Any) -> bool:
    """Whether a value is a conversation that `conversation` can read."""
    try:
        conversation(value)
    except NotMessages:
        return False
    return True


def conversation(value: Any) -> list[Message]:
    """The messages of a value, whatever its keys are called. Raises NotMessages."""
    if isinstance(value, str):
        value = _from_json(value)
    if isinstance(value, dict):
        value = next((value[nest] for nest in NESTS if nest in value), None)
    if not isinstance(value, list) or not value:
        raise NotMessages("should be a list of messages, with one at least")
    if all(isinstance(item, str) for item in value):
        # Bare turns: the person begins.
        return _by_turns(value)
    if (keys := _pair_keys(value[0])) is not None:
        return [message for item in value for message in _pair(item, keys)]
    return [_message(item) for item in value]


def past_turns(value: Any) -> list[Message]:
    """Earlier turns: a conversation, or pairs [what was asked, what was answered].

    Raises NotMessages.
    """
    if isinstance(value, list) and all(isinstance(turn, list) for turn in value):
        texts = [text for turn in value for text in turn]
        if any(len(turn) != 2 for turn in value) or not all(isinstance(t, str) for t in texts):
            raise NotMessages("should hold pairs of texts, what was asked and what was answered")
        return _by_turns(texts)
    return conversation(value)


def transcript(text: str) -> list[Message] | None:
    """The messages of a text in which "Human:" and "Assistant:" speak by turns; None for others."""
    head, *turns = _TURN.split(text.strip("\n"))
    speakers, contents = turns[::2], turns[1::2]
    if head or len(contents) < 2 or speakers[0][0] != "H":
        return None
    roles = {"H": "user", "A": "assistant"}
    return [
        {"role": roles[speaker[0]], "content": whole(content.strip())}
        for speaker, content in zip(speakers, contents, strict=True)
    ]


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


def _by_turns(texts: Sequence[str]) -> list[Message]:
    return [
        {"role": ("user", "assistant")[index % 2], "content": whole(text)}
        for index, text in enumerate(texts)
    ]


def _pair_keys(item: Any) -> tuple[str, str] | None:
    if not isinstance(item, dict) or _first(item, ROLE_KEYS) is not None:
        return None
    return next((pair for pair in PAIRS if all(key in item for key in pair)), None)


def _pair(item: Any, keys: tuple[str, str]) -> list[Message]:
    texts = [item.get(key) for key in keys] if isinstance(item, dict) else []
    if len(texts) != 2 or not all(isinstance(text, str) for text in texts):
        raise NotMessages(f"should have the texts {keys[0]!r} and {keys[1]!r} in each turn")
    return _by_turns([str(text) for text in texts])


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


def _message(item: Any) -> Message:
    if not isinstance(item, dict):
        raise NotMessages("should be a list of objects with role and content")
    said_by = str(_first(item, ROLE_KEYS))
    speaker = said_by.strip().lower()
    role = ROLES.get(speaker)
    if role is None:
        known = "system, developer, user, assistant, tool"
        raise NotMessages(f"has a role {said_by[:40]!r}; known are {known}")
    content = _text(_first(item, CONTENT_KEYS))
    calls = _calls(item, speaker=speaker, content=content)
    if calls and speaker in CALLS:
        content = ""
    if content is None and not calls:
        raise NotMessages(f"has a {role} message whose content is not text")
    message: Message = {"role": role, "content": whole(content or "")}
    if calls:
        message["tool_calls"] = calls
    for extra in EXTRAS:
        if isinstance(value := item.get(extra), str):
            message[extra] = whole(value)
    reasoning = _first(item, REASONING_KEYS)
    if isinstance(reasoning, str) and reasoning.strip():
        message[REASONING] = whole(reasoning)
    if is_left_out(item):
        message[NOT_LEARNED] = True
    return message


def is_left_out(item: Mapping[str, Any]) -> bool:
    """Whether a message or a row says of itself that it is not to be learned."""
    for name in ("weight", "train", "loss"):
        value = item.get(name)
        if isinstance(value, str):
            value = value.strip().lower()
        if value in (0, "0", "0.0", "false"):
            return True
    return False


def _first(item: Message, names: Sequence[str]) -> Any:
    """The first value that is there. Every message comes by here, so it is a plain loop."""
    for name in names:
        if (value := item.get(name)) is not None:
            return value
    return None


def _text(content: Any) -> str | None:
    """Content that is text, or a list of parts that all are."""
    if isinstance(content, list) and content:
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        kinds = {part.get("type") for part in content if isinstance(part, dict)}
        if other := kinds & {"image", "image_url", "audio", "input_audio", "video"}:
            raise NotMessages(
                f"has {other.pop()} in a message, and a language model sees text only"
            )
        if len(texts) == len(parts):
            return "".join(texts)
    return content if isinstance(content, str) else None


def _calls(item: Message, *, speaker: str, content: str | None) -> list[Any]:
    """The tool calls of a message, as chat templates read them: arguments as an object."""
    calls = item.get("tool_calls") or ([content] if speaker in CALLS and content else [])
    if isinstance(calls, str):
        calls = json_value(calls)
    if not isinstance(calls, list):
        raise NotMessages("has tool calls that are not a list")
    return [_call(json_value(call)) for call in calls]


def _call(call: Any) -> Message:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise NotMessages("has a tool call without the name of a function")
    arguments = without_padding(json_value(function.get("arguments") or {}))
    made: Message = {
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }
    return made | ({"id": call["id"]} if isinstance(call.get("id"), str) else {})
