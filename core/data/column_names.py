"""Which parts a row of each format has, and what datasets call them."""

from collections.abc import Sequence

from core.config.options import DatasetFormat

# What a row of each format must have, and what it may have besides.
REQUIRED: dict[DatasetFormat, tuple[str, ...]] = {
    DatasetFormat.PREFERENCE: ("chosen", "rejected"),
    DatasetFormat.UNPAIRED_PREFERENCE: ("prompt", "completion", "label"),
    DatasetFormat.MESSAGES: ("messages",),
    DatasetFormat.PROMPT_COMPLETION: ("prompt", "completion"),
    DatasetFormat.TEXT: ("text",),
    DatasetFormat.PROMPT_ONLY: ("prompt",),
}
FRONT = ("history", "system", "developer", "tools")
OPTIONAL: dict[DatasetFormat, tuple[str, ...]] = {
    DatasetFormat.PREFERENCE: ("prompt", *FRONT),
    DatasetFormat.UNPAIRED_PREFERENCE: FRONT,
    DatasetFormat.MESSAGES: ("system", "developer", "tools"),
    DatasetFormat.PROMPT_COMPLETION: ("reasoning", *FRONT),
    DatasetFormat.TEXT: (),
    DatasetFormat.PROMPT_ONLY: ("answer", *FRONT),
}
# The surest name first.
NAMES: dict[str, tuple[str, ...]] = {
    "messages": (
        "messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns",
        "data",
    ),
    "prompt": (
        "prompt", "instruction", "question", "query", "problem", "input", "inputs", "user", "human",
        "source",
    ),
    "completion": (
        "completion", "response", "output", "answer", "solution", "assistant", "target", "reply",
        "final_answer", "ground_truth", "answers", "targets",
    ),
    "reasoning": (
        "reasoning", "reasoning_content", "thinking", "thought", "rationale", "chain_of_thought",
        "cot",
    ),
    "text": ("text", "content", "document", "article", "body", "passage"),
    "chosen": ("chosen", "preferred", "accepted", "winner", "response_chosen", "chosen_response",
        "preferred_output",
    ),
    "rejected": (
        "rejected", "dispreferred", "loser", "response_rejected", "rejected_response",
        "non_preferred_output",
    ),
    "label": ("label", "is_good", "thumbs_up", "desirable", "feedback"),
    "answer": ("answer", "solution", "ground_truth", "final_answer", "reference"),
    "history": ("history", "chat_history", "dialogue_history", "previous_turns", "past_turns"),
    "tools": ("tools", "functions"),
    "system": ("system", "system_prompt", "system_message"),
    "developer": ("developer",),
}  # fmt: skip
# Words in a longer name that say as much, anywhere (Complex_CoT) or at its end (long_answer).
WORDS: dict[str, frozenset[str]] = {
    "reasoning": frozenset({"cot", "reasoning", "thinking", "thoughts", "rationale"}),
}
LAST_WORDS: dict[str, frozenset[str]] = {
    "prompt": frozenset({"prompt", "instruction", "question", "problem"}),
    "completion": frozenset({"completion", "response", "answer", "answers", "solution", "output"}),
}
# Unless these stand before it.
NOT_MEANT = frozenset({"system", "non", "wrong", "incorrect", "bad", "rejected", "negative"})
# What a column is called that is true of rows that somebody found bad.
BAD_ROWS = frozenset({"bad", "flagged", "toxic", "invalid", "corrupted"})
# Fields whose name says only that what they are in is text.
SAID = ("text", "value", "content")
# Beside a prompt, what it is about.
INPUTS = ("input", "context", "contexts", "passage", "article")
# What is to be chosen from is no answer.
CHOICES = ("choices", "options", "endings", "candidates", "distractors")
# Rows whose one message names the message that it answers.
PARENTS = ("parent_id", "parent", "parent_message_id", "reply_to")


def plain(column: str) -> str:
    """A column's name as it is compared: for a field its own, unless that says nothing."""
    outer, _, name = column.rpartition(".")
    said = outer if outer and name.lower() in SAID else name or column
    return said.strip().lower().replace("-", "_").replace(" ", "_")


def columns_called(part: str, columns: Sequence[str]) -> list[str]:
    """The columns whose names say that they are this part, the surest first."""
    names = {column: plain(column) for column in columns}
    exact = (column for name in NAMES[part] for column in columns if names[column] == name)
    longer = (column for column in columns if _says(part, names[column]))
    return list(dict.fromkeys([*exact, *longer]))


def _says(part: str, name: str) -> bool:
    words = name.split("_")
    if NOT_MEANT & set(words):
        return False
    return bool(WORDS.get(part, frozenset()) & set(words)) or words[-1] in LAST_WORDS.get(part, ())
