"""A row brought into the format that training takes, or refused with its place."""

import re
from typing import Any

from core.config.options import DatasetFormat
from core.data.column_values import value_at
from core.data.fitting import label
from core.data.json_values import NotMessages, json_value, whole, without_padding
from core.data.mapping import PLACE, RowMapping
from core.data.messages import (
    NESTS,
    Message,
    conversation,
    has_role,
    is_left_out,
    past_turns,
    transcript,
)
from core.data.row import SKIP, Row
from core.data.scalars import text_of
from core.data.tool_calls import calling
from core.errors import UserError

# messages; prompt and completion; text; prompt, chosen and rejected; … — as TRL names them.
Example = dict[str, Any]
# Why rows are left out that are read well.
NOT_TO_LEARN = "marked as not to be learned"
NOTHING_SAID = "an empty conversation"
LEFT_OUT = (NOT_TO_LEARN, NOTHING_SAID)
# Parts of which one is taken where a column lists several; others are put line by line.
ONE_OF_SEVERAL = ("completion", "reasoning", "answer", "chosen", "rejected")
# What some datasets write where there is no input.
NO_INPUT = ("<noinput>", "<no input>", "<Noinput>")
# What is no longer than this may begin a message that does not repeat it.
SHORT_TEXT = 20
# Columns of what a language model does not see, and what stands for it in a text.
MEDIA = re.compile(r"(images?|audios?|videos?)(_\w+)?")
MEDIA_PLACE = re.compile(r"<(image|audio|video)>")


class LeftOut(Exception):
    """A row that has nothing to learn, by its own word; the text says what such rows are."""


def to_example(row: Row, mapping: RowMapping) -> Example:
    """A row as TRL takes it, each part of it a list of messages except for plain text.

    Raises UserError, with the row's place, when the row can't be brought into the format, and
    LeftOut when it is not to be learned.
    """
    if is_left_out(row.values):
        raise LeftOut(NOT_TO_LEARN)
    maker = _Maker(row, mapping)
    if mapping.format is DatasetFormat.MESSAGES and maker.value("messages") == []:
        raise LeftOut(NOTHING_SAID)
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
            rating = label(maker.value("label"))
            if rating is None:
                raise maker.refusal(
                    "label", "should be true or false, 1 or 0, yes or no, or good or bad"
                )
            example = {"prompt": maker.prompt(), "completion": maker.answer("completion")}
            example["label"] = rating
        case _:
            example = {"prompt": maker.prompt()}
            if answer := maker.fill("answer"):
                example["answer"] = answer
    if tools := maker.tools():
        example["tools"] = tools
    maker.check_media(example)
    return example


class _Maker:
    """The parts of one row."""

    def __init__(self, row: Row, mapping: RowMapping) -> None:
        self._row = row
        self._mapping = mapping

    def value(self, part: str) -> Any:
        """What the row has in the column that a part is."""
        column = self._mapping.parts.get(part)
        return value_at(self._row.values, column) if column else None

    def fill(self, part: str) -> str:
        """The text of a part, "" where the format or the row has none of it."""
        value = self._mapping.parts.get(part)
        if value is None:
            return ""
        if part not in self._mapping.texts:
            return self._cell(part, value)
        # A field of one line has no other way to write a new one.
        pieces = PLACE.split(value.replace("\\n", "\n"))
        filled = [
            self._cell(part, piece) if place % 2 else piece for place, piece in enumerate(pieces)
        ]
        return "".join(_without_empty_edges(filled))

    def text(self, part: str) -> str:
        """The text of a part that each row must have."""
        filled = self.fill(part)
        if not filled.strip():
            column = self._mapping.parts[part]
            lost = self._row.lost.get(column)
            problem = "it is empty" if lost is None else f"{lost!r} is read as no value"
            refusal = self.refusal(part, f"should be text, but {problem}")
            if part not in self._mapping.texts:
                fill = "Fill it in" if lost is None else "Save the data as jsonl to train on it"
                drop = f"set `filters.drop_empty` to {column} to drop such rows"
                refusal.hint = f"{fill}, {drop}, {SKIP}."
            raise refusal
        return filled

    def dialogue(self, part: str) -> list[Message]:
        try:
            return conversation(self.value(part))
        except NotMessages as error:
            raise self.refusal(part, str(error)) from error

    def prompt(self) -> list[Message]:
        return self.opened([*self._history(), *self._spoken_prompt()])

    def _history(self) -> list[Message]:
        turns = self.value("history")
        if not turns:
            return []
        try:
            return past_turns(turns)
        except NotMessages as error:
            raise self.refusal("history", str(error)) from error

    def answer(self, part: str) -> list[Message]:
        if (called := self._called(part)) is not None:
            return [called]
        return self._spoken(part) or [{"role": "assistant", "content": self.text(part)}]

    def _called(self, part: str) -> Message | None:
        """An answer that is calls of the row's tools."""
        return calling(self.value(part)) if self.value("tools") else None

    def _spoken(self, part: str) -> list[Message] | None:
        """The messages of a part that has some, None where it has text instead."""
        value = self.value(part)
        if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            return None
        is_spoken = isinstance(value, dict) and any(nest in value for nest in NESTS)
        if isinstance(value, dict) and not is_spoken and not has_role(value):
            problem = f"should be text or a list of messages, but it is {str(value)[:40]!r}"
            raise self.refusal(part, problem)
        return self.dialogue(part) if isinstance(value, list | dict) else None

    def reasoned_answer(self) -> Message:
        messages = self.answer("completion")
        if len(messages) > 1 and messages[:-1] == self._spoken_prompt():
            # The answer repeats the prompt, as in datasets of pairs.
            messages = messages[-1:]
        if len(messages) != 1:
            raise self.refusal("completion", "should be one message, the assistant's")
        reasoning = self.fill("reasoning")
        return messages[0] | ({"reasoning_content": reasoning} if reasoning else {})

    def _spoken_prompt(self) -> list[Message]:
        """The prompt as the row has it, without what the settings add."""
        value = self.value("prompt")
        spoken = transcript(value) if isinstance(value, str) else None
        if spoken and spoken[-1] == {"role": "assistant", "content": ""}:
            return spoken[:-1]
        return self._spoken("prompt") or [{"role": "user", "content": self.text("prompt")}]

    def pair(self) -> Example:
        """A prompt with a better and a worse answer; a prompt that both begin with is shared."""
        if "prompt" in self._mapping.parts:
            prompt, (chosen, rejected) = self.prompt(), self._answers()
            # Some datasets repeat the prompt in both.
            if len(chosen) > 1 and chosen[0].get("role") == "user":
                chosen, rejected = chosen[-1:], rejected[-1:]
            return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        chosen, rejected = self._conversations()
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

    def _conversations(self) -> tuple[list[Message], list[Message]]:
        """Both answers with the prompt that they share, be it written as a transcript."""
        chosen, rejected = self._answers()
        return _spoken_by_turns(chosen), _spoken_by_turns(rejected)

    def opened(self, messages: list[Message]) -> list[Message]:
        """The messages, with those that the settings add in front where the row has none."""
        there = {message["role"] for message in messages}
        front = [
            {"role": role, "content": text}
            for role in ("system", "developer")
            if role not in there
            and (text := self.fill(role))
            # Some datasets repeat in a column what their messages begin with.
            and not _repeats(messages[0], text.strip())
        ]
        return front + messages

    def tools(self) -> list[Any]:
        value = self.value("tools")
        if value in (None, "", []):
            return []
        try:
            tools = json_value(value)
        except NotMessages:
            tools = None
        if not isinstance(tools, list):
            raise self.refusal("tools", "should be a list of tools, or one as JSON")
        try:
            return list(without_padding(tools))
        except NotMessages as error:
            raise self.refusal("tools", str(error)) from error

    def check_media(self, example: Example) -> None:
        """Refuse text about images that the model would not see."""
        columns = (name for name, value in self._row.values.items() if value not in (None, "", []))
        column = next((name for name in columns if MEDIA.fullmatch(name.lower())), None)
        messages = (m for part in example.values() if isinstance(part, list) for m in part)
        texts = (str(m.get("content", "")) for m in messages if isinstance(m, dict))
        if column and any(MEDIA_PLACE.search(text) for text in texts):
            raise UserError(
                f"The text in {self._row.place} refers to the column {column!r}, which a language "
                "model can't see.",
                hint=f"Use data that is text only, {SKIP} to leave out such rows.",
            )

    def _cell(self, part: str, column: str) -> str:
        value = value_at(self._row.values, column)
        text = value if isinstance(value, str) else self._text_of(value, part, column)
        try:
            return "" if text in NO_INPUT else whole(text)
        except NotMessages as error:
            raise self.refusal(part, str(error), column) from error

    def _text_of(self, value: Any, part: str, column: str) -> str:
        """A number, or several texts, as one text."""
        texts = [text_of(item) for item in (value if isinstance(value, list) else [value])]
        if None in texts:
            raise self.refusal(part, f"should be text, but it is {str(value)[:40]!r}", column)
        said = [text for text in texts if text]
        return "\n".join(said[:1] if part in ONE_OF_SEVERAL else said)

    def refusal(self, part: str, problem: str, column: str | None = None) -> UserError:
        column = column or self._mapping.parts[part]
        return UserError(
            f"The column {column!r} in {self._row.place} {problem}.", hint=f"Fix the row, {SKIP}."
        )


def _spoken_by_turns(answer: list[Message]) -> list[Message]:
    """The turns of an answer that is one text in which both speak; else the answer as it is."""
    return (transcript(answer[0]["content"]) if len(answer) == 1 else None) or answer


def _repeats(message: Message, text: str) -> bool:
    """Whether a row's first message says a text already; a short one may be there by chance."""
    said = str(message["content"]).strip()
    if said == text or len(text) <= SHORT_TEXT:
        return said == text
    return text in said if message["role"] in ("system", "developer") else said.startswith(text)


def _without_empty_edges(pieces: list[str]) -> list[str]:
    """A filled template's pieces, text and values by turns, without what only joins nothing.

    Text between a value and an empty one at the edge is taken off where it is white space. What a
    value itself begins or ends with stays.
    """
    while len(pieces) > 2 and not pieces[-1] and not pieces[-2] and not pieces[-3].strip():
        pieces = [*pieces[:-3], ""]
    while len(pieces) > 2 and not pieces[0] and not pieces[1] and not pieces[2].strip():
        pieces = ["", *pieces[3:]]
    return pieces
