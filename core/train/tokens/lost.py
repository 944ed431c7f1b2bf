"""What of a row a chat template leaves out, or mixes with its own text, without a word."""

from collections.abc import Sequence

from core.data.formats import Example
from core.data.messages import REASONING, Message

NO_TOOLS = (
    "The model's chat template has no place for tools or calls of them, so they are not learned: "
    "choose a model whose template has."
)
MIXED = (
    "The first token that is learned of some answers holds the end of the chat template's text "
    "too, since these answers begin with white space: take it away, unless it is meant."
)
# What templates may write otherwise than it was said: they put the output of tools into JSON.
SHOWN_ROLES = ("system", "developer", "user", "assistant")


def messages_of(example: Example) -> list[Message]:
    """The conversation of an example, with its better answer where it has two."""
    if "messages" in example:
        return list(example["messages"])
    answer = example.get("chosen") or example.get("completion") or []
    return [*example.get("prompt", []), *answer]


def lost_tools(example: Example, template: str) -> list[str]:
    """A warning about tools, or calls of them, that the template has no place for."""
    if "tools" in template and "tool_calls" in template:
        return []
    parts = [part for name, part in example.items() if name != "tools"]
    messages = (message for part in parts if isinstance(part, list) for message in part)
    has_tools = bool(example.get("tools")) and "tools" not in template
    has_calls = any("tool_calls" in message for message in messages)
    return [NO_TOOLS] if has_tools or (has_calls and "tool_calls" not in template) else []


def lost_texts(messages: Sequence[Message], shown: str) -> list[str]:
    """Warnings about what was said and thought that is not in the text that the template makes."""
    found = []
    for message in messages:
        role, content = message["role"], str(message["content"]).strip()
        if role in SHOWN_ROLES and content not in shown:
            hint = " Use `columns.system` for it." if role == "developer" else ""
            found.append(
                f"The model's chat template leaves out some of what the {role} says, so it is not "
                f"learned.{hint}"
            )
        if (reasoning := str(message.get(REASONING, "")).strip()) and reasoning not in shown:
            found.append(
                "The model's chat template leaves out reasoning (many do so before the last "
                "answer), so it is not learned there."
            )
    return list(dict.fromkeys(found))
