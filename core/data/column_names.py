"""Which parts a row of each format has, and what datasets call them."""

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
    ),
    "prompt": (
        "prompt", "instruction", "question", "query", "problem", "input", "user", "human", "source",
    ),
    "completion": (
        "completion", "response", "output", "answer", "solution", "assistant", "target", "reply",
        "final_answer", "ground_truth", "accepted_completion", "accepted_response",
    ),
    "reasoning": (
        "reasoning", "reasoning_content", "thinking", "thought", "rationale", "chain_of_thought",
        "cot",
    ),
    "text": ("text", "content", "document", "article", "body", "passage"),
    "chosen": ("chosen", "preferred", "accepted", "winner", "response_chosen", "chosen_response"),
    "rejected": (
        "rejected", "dispreferred", "loser", "response_rejected", "rejected_response",
    ),
    "label": ("label", "is_good", "thumbs_up", "desirable", "feedback"),
    "answer": ("answer", "solution", "ground_truth", "final_answer", "reference"),
    "history": ("history", "chat_history", "dialogue_history", "previous_turns", "past_turns"),
    "tools": ("tools", "functions"),
    "system": ("system", "system_prompt", "system_message"),
    "developer": ("developer",),
}  # fmt: skip
# Words in a longer name that say as much: Complex_CoT.
WORDS: dict[str, frozenset[str]] = {
    "reasoning": frozenset({"cot", "reasoning", "thinking", "thoughts", "rationale"}),
}
# Beside a prompt, what it is about.
INPUTS = ("input", "context")
# Rows whose one message names the message that it answers.
PARENTS = ("parent_id", "parent", "parent_message_id", "reply_to")


def plain(column: str) -> str:
    """A column's name as it is compared."""
    return column.strip().lower().replace("-", "_").replace(" ", "_")


def columns_called(part: str, columns: list[str]) -> list[str]:
    """The columns whose names say that they are this part, the surest first."""
    by_name = {plain(column): column for column in columns}
    found = [by_name[name] for name in NAMES[part] if name in by_name]
    words = WORDS.get(part, frozenset())
    longer = (column for name, column in by_name.items() if words & set(name.split("_")))
    return list(dict.fromkeys([*found, *longer]))
