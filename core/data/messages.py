"""Conversations of any nesting in use, brought into a list of messages with role and content."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.data.json_values import NotMessages, json_value, whole
from core.data.tool_calls import CALLS, calls_of

Message = dict[str, Any]

# The names that datasets on the Hub give to who speaks and to what is said.
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "user_type")
CONTENT_KEYS = ("content", "value", "text", "message", "body", "utterance", "parts")
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
# What a message may carry beside its content, as chat templates read it.
EXTRAS = ("name", "tool_call_id")
# What a message was thought of before, by the names that datasets give it.
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts")
REASONING = "reasoning_content"
# By which a message or a row says of itself whether it is to be learned.
LEAVES_OUT = ("weight", "train", "loss")
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
_TURN = re.compile(r"(?:^|\n\n+|\n?#{2,3} ?)(Human|User|USER|Assistant|ASSISTANT|H|A): ?")


def is_conversation(value: Any) -> bool:
    """Whether a value is a conversation that `conversation` can read."""
    try:
        conversation(value)
    except NotMessages:
        return False
    return True


def are_turns(value: Any) -> bool:
    """Whether a value is a list of texts, be it as JSON, in which nothing says who speaks."""
    try:
        held = json_value(value)
    except NotMessages:
        return False
    return isinstance(held, list) and bool(held) and all(isinstance(item, str) for item in held)


def roles_of(value: Any) -> list[str]:
    """Who speaks in a conversation that names the roles itself; nobody in other values."""
    try:
        if isinstance(value, str) and transcript(value) is None:
            value = json_value(value)
        if isinstance(value, list) and not all(has_role(item) for item in value):
            return []
        return [message["role"] for message in conversation(value)]
    except NotMessages:
        return []


def has_role(item: Any) -> bool:
    return isinstance(item, dict) and str(_first(item, ROLE_KEYS)).strip().lower() in ROLES


def conversation(value: Any) -> list[Message]:
    """The messages of a value, whatever its keys are called. Raises NotMessages."""
    if isinstance(value, str):
        if (spoken := transcript(value)) is not None:
            return spoken
        value = json_value(value)
    if isinstance(value, dict):
        alone = [value] if has_role(value) else None
        value = next((value[nest] for nest in NESTS if nest in value), alone)
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
    if text.lstrip("\n# ")[:1] not in ("H", "U"):
        return None
    head, *turns = _TURN.split(text.strip("\n"))
    speakers, contents = turns[::2], turns[1::2]
    if head or len(contents) < 2 or speakers[0][0] == "A":
        return None
    return [
        {
            "role": "assistant" if speaker[0] == "A" else "user",
            "content": whole(content.strip()),
        }
        for speaker, content in zip(speakers, contents, strict=True)
    ]


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


def _message(item: Any) -> Message:
    if not isinstance(item, dict):
        raise NotMessages("should be a list of objects with role and content")
    said_by = str(_first(item, ROLE_KEYS))
    speaker = said_by.strip().lower()
    role = ROLES.get(speaker)
    if role is None:
        known = "system, developer, user, assistant, tool"
        raise NotMessages(f"has a role {said_by[:40]!r}; known are {known}")
    said = _first(item, CONTENT_KEYS)
    content = _text(said)
    calls = calls_of(item, speaker=speaker, content=content)
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
    if isinstance(said, list):
        reasoning = reasoning or _thoughts(said)
    if isinstance(reasoning, str) and reasoning.strip():
        message[REASONING] = whole(reasoning)
    if is_left_out(item):
        message[NOT_LEARNED] = True
    return message


def is_left_out(item: Mapping[str, Any]) -> bool:
    """Whether a message or a row says of itself that it is not to be learned."""
    for name in LEAVES_OUT:
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
        content = [part for part in content if not _thoughts([part])]
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


def _thoughts(parts: list[Any]) -> str:
    """What was thought, of content in parts."""
    found = [part.get("thinking") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in found if isinstance(text, str))
