"""A row brought into the format that training takes, or refused with its place."""

from typing import Any

from core.config.options import DatasetFormat
from core.data.files import SKIP, Row
from core.data.mapping import PLACE, RowMapping, label
from core.data.messages import NESTS, Message, NotMessages, conversation, json_value, whole
from core.errors import UserError

# messages; prompt and completion; text; prompt, chosen and rejected; … — as TRL names them.
Example = dict[str, Any]


def to_example(row: Row, mapping: RowMapping) -> Example:
    """A row as TRL takes it, each part of it a list of messages except for plain text.

    Raises UserError, with the row's place, when the row can't be brought into the format.
    """
    maker = _Maker(row, mapping)
    match mapping.format:
        case DatasetFormat.MESSAGES:
            example: Example = {"messages": maker.opened(maker.dialogue("messages"))}
            if not any(message["role"] == "assistant" for message in example["messages"]):
                raise maker.refusal("messages", "has no message of the assistant to learn from")
        case DatasetFormat.PROMPT_COMPLETION:
            example = {"prompt": maker.prompt(), "completion": [maker.reasoned_answer()]}
        case DatasetFormat.TEXT:
            return {"text": maker.text("text")}
        case DatasetFormat.PREFERENCE:
            example = maker.pair()
        case DatasetFormat.UNPAIRED_PREFERENCE:
            rating = label(row.values.get(mapping.parts["label"]))
            if rating is None:
                raise maker.refusal("label", "should be true or false, or 1 or 0")
            example = {"prompt": maker.prompt(), "completion": maker.answer("completion")}
            example["label"] = rating
        case _:
            example = {"prompt": maker.prompt()}
            if answer := maker.fill("answer"):
                example["answer"] = answer
    if tools := maker.tools():
        example["tools"] = tools
    return example


class _Maker:
    """The parts of one row."""

    def __init__(self, row: Row, mapping: RowMapping) -> None:
        self._row = row
        self._mapping = mapping

    def fill(self, part: str) -> str:
        """The text of a part, "" where the format or the row has none of it."""
        value = self._mapping.parts.get(part)
        if value is None:
            return ""
        if part not in self._mapping.texts:
            return self._cell(part, value)
        # A field of one line has no other way to write a new one.
        value = value.replace("\\n", "\n")
        return PLACE.sub(lambda place: self._cell(part, place[1]), value).strip()

    def text(self, part: str) -> str:
        """The text of a part that each row must have."""
        filled = self.fill(part)
        if not filled.strip():
            raise self.refusal(part, "should be text, but it is empty")
        return filled

    def dialogue(self, part: str) -> list[Message]:
        try:
            return conversation(self._row.values.get(self._mapping.parts[part]))
        except NotMessages as error:
            raise self.refusal(part, str(error)) from error

    def prompt(self) -> list[Message]:
        messages = self._spoken("prompt")
        return self.opened(messages or [{"role": "user", "content": self.text("prompt")}])

    def answer(self, part: str) -> list[Message]:
        return self._spoken(part) or [{"role": "assistant", "content": self.text(part)}]

    def _spoken(self, part: str) -> list[Message] | None:
        """The messages of a part that has some, None where it has text instead."""
        value = self._row.values.get(self._mapping.parts[part])
        if isinstance(value, dict) and not any(nest in value for nest in NESTS):
            problem = f"should be text or a list of messages, but it is {str(value)[:40]!r}"
            raise self.refusal(part, problem)
        return self.dialogue(part) if isinstance(value, list | dict) else None

    def reasoned_answer(self) -> Message:
        messages = self.answer("completion")
        if len(messages) != 1:
            raise self.refusal("completion", "should be one message, the assistant's")
        reasoning = self.fill("reasoning")
        return messages[0] | ({"reasoning_content": reasoning} if reasoning else {})

    def pair(self) -> Example:
        """A prompt with a better and a worse answer; a prompt that both begin with is shared."""
        if "prompt" in self._mapping.parts:
            prompt, (chosen, rejected) = self.prompt(), self._answers()
            # Some datasets repeat the prompt in both.
            if len(chosen) > 1 and chosen[0].get("role") == "user":
                chosen, rejected = chosen[-1:], rejected[-1:]
            return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        chosen, rejected = self._answers()
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        if shared == 0 or shared == min(len(chosen), len(rejected)):
            raise self.refusal("chosen", "should begin as the rejected one does, and then differ")
        return {
            "prompt": self.opened(chosen[:shared]),
            "chosen": chosen[shared:],
            "rejected": rejected[shared:],
        }

    def _answers(self) -> tuple[list[Message], list[Message]]:
        return self.answer("chosen"), self.answer("rejected")

    def opened(self, messages: list[Message]) -> list[Message]:
        """The messages, with those that the settings add in front where the row has none."""
        there = {message["role"] for message in messages}
        front = [
            {"role": role, "content": text}
            for role in ("system", "developer")
            if role not in there and (text := self.fill(role))
        ]
        return front + messages

    def tools(self) -> list[Any]:
        column = self._mapping.parts.get("tools")
        value = self._row.values.get(column) if column else None
        if value in (None, "", []):
            return []
        try:
            tools = json_value(value)
        except NotMessages:
            tools = None
        if not isinstance(tools, list):
            raise self.refusal("tools", "should be a list of tools, or one as JSON")
        return tools

    def _cell(self, part: str, column: str) -> str:
        value = self._row.values.get(column)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.refusal(part, f"should be text, but it is {str(value)[:40]!r}", column)
        try:
            return whole(str(value))
        except NotMessages as error:
            raise self.refusal(part, str(error), column) from error

    def refusal(self, part: str, problem: str, column: str | None = None) -> UserError:
        column = column or self._mapping.parts[part]
        return UserError(
            f"The column {column!r} in {self._row.place} {problem}.",
            hint=f"Put the row right, {SKIP}.",
        )
