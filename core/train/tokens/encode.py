"""Examples as tokens, with a mark on those that are learned. The preview and the trainer call this.

How answers are told from prompts is TRL's way: a chat template that marks them, or else the place
where the prompt alone and the prompt with its answer begin to differ.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import TemplateError
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.data_utils import common_prefix_length

from core.config.options import DatasetFormat
from core.config.resolved import Choice
from core.data.formats import Example
from core.data.messages import Message
from core.errors import UserError
from core.train.tokens.byte_tokens import ByteTokens
from core.train.tokens.chat_template import training_template, trains_to_stop

# The sides of a row: one, but for pairs.
WHOLE, CHOSEN, REJECTED = "row", "chosen", "rejected"
# What a template calls a message's reasoning; without either it goes in front of the answer.
REASONING, THINKING = "reasoning_content", "thinking"
IGNORED = -100
NO_TOOLS = (
    "The model's chat template has no place for tools or calls of them, so they are not learned: "
    "choose a model whose template has."
)


@dataclass(frozen=True)
class Tokens:
    """The tokens of one side of a row (int32), and for each whether it is learned (bool)."""

    ids: np.ndarray
    trained: np.ndarray

    @property
    def first_trained(self) -> int:
        """Where the first token stands that is learned; the length where none is."""
        return int(self.trained.argmax()) if self.trained.any() else len(self.ids)

    def labels(self) -> np.ndarray:
        """As TRL takes them: the token where it is learned, else -100."""
        return np.where(self.trained, self.ids, np.int32(IGNORED))


@dataclass(frozen=True)
class Refused:
    """Why a row has no tokens."""

    reason: str


# The tokens of a row, by side.
Sides = dict[str, Tokens]


def length_of(sides: Sides) -> int:
    """The tokens of a row's longest side; 0 where it has none."""
    return max((len(tokens.ids) for tokens in sides.values()), default=0)


def first_learned(sides: Sides) -> int:
    """So many tokens are read before every side has one that is learned.

    The length of the row where a side has none at all.
    """
    if not all(tokens.trained.any() for tokens in sides.values()):
        return length_of(sides)
    return max((tokens.first_trained for tokens in sides.values()), default=0)


def digest_of(sides: Sides) -> bytes:
    """Sixteen bytes that are the same for rows with the same tokens."""
    made = hashlib.blake2b(digest_size=16)
    for tokens in sides.values():
        made.update(tokens.ids.tobytes() + b"|")
    return made.digest()


class Encoder:
    """Turns examples of one format into tokens. `choices` and `warnings` say how, for the events.

    Raises UserError when the answers can't be told from the questions with this model.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        format: DatasetFormat,
        answers_only: bool,
        model_name: str,
    ) -> None:
        self.tokenizer = tokenizer
        self.choices: dict[str, Choice] = {}
        self.warnings: list[str] = []
        self._format = format
        self.answers_only = answers_only
        self.template: str | None = tokenizer.chat_template
        self._marks = answers_only and format is DatasetFormat.MESSAGES
        if format is DatasetFormat.TEXT and answers_only:
            raise UserError(
                "This data is plain text, so there are no answers to tell from questions.",
                hint="Turn off `method.assistant_only_loss` to learn all of the text.",
                field="method.assistant_only_loss",
            )
        if format is not DatasetFormat.TEXT and self.template is None:
            raise UserError(
                f"{model_name} has no chat template, so it can't be trained on conversations yet.",
                hint="Set `model.chat_template` to plain or chatml, or choose an instruct model.",
                field="model.chat_template",
            )
        # Quicker than the library's way, where it can be.
        self._bytes: ByteTokens | None = None
        if self._marks:
            self.template, choice = training_template(tokenizer, model_name=model_name)
            self._bytes = ByteTokens.of(tokenizer, template=self.template)
            self.choices["training_chat_template"] = choice
            if not trains_to_stop(tokenizer, self.template):
                self.warnings.append(
                    "The end of an answer is not trained, so the model may not learn to stop: "
                    "set `model.chat_template` to plain, or choose a model whose own template "
                    "marks the end too."
                )

    def lost(self, example: Example) -> str:
        """A warning about tools, or calls of them, which templates leave out in silence."""
        template = self.template or ""
        if "tools" in template and "tool_calls" in template:
            return ""
        parts = [part for name, part in example.items() if name != "tools"]
        messages = (message for part in parts if isinstance(part, list) for message in part)
        has_tools = bool(example.get("tools")) and "tools" not in template
        has_calls = any("tool_calls" in message for message in messages)
        return NO_TOOLS if has_tools or (has_calls and "tool_calls" not in template) else ""

    def encode(self, examples: Sequence[Example]) -> list[Sides | Refused]:
        """The tokens of each example, by side; a reason where the chat template refuses it."""
        try:
            return list(self._encode(examples))
        except (TemplateError, TypeError, KeyError, ValueError, RecursionError) as error:
            if len(examples) == 1:
                problem = "too deeply nested" if isinstance(error, RecursionError) else error
                return [Refused(f"The model's chat template refuses it: {problem}.")]
            return [sides for example in examples for sides in self.encode([example])]

    def _encode(self, examples: Sequence[Example]) -> list[Sides]:
        tools = [example.get("tools") for example in examples]
        match self._format:
            case DatasetFormat.TEXT:
                end = self.tokenizer.eos_token or ""
                texts = [e["text"] + ("" if e["text"].endswith(end) else end) for e in examples]
                return [_whole(ids) for ids in self.tokenizer(text=texts)["input_ids"]]
            case DatasetFormat.MESSAGES:
                return self._conversations([e["messages"] for e in examples], tools)
            case DatasetFormat.PREFERENCE:
                prompts = [e["prompt"] for e in examples]
                better = self._answers(prompts, [e["chosen"] for e in examples], tools)
                worse = self._answers(prompts, [e["rejected"] for e in examples], tools)
                return [_pair(*sides) for sides in zip(better, worse, strict=True)]
            case DatasetFormat.PROMPT_ONLY:
                rendered = self._render([e["prompt"] for e in examples], tools, asks=True)
                return [_whole(ids, learned=False) for ids in rendered["input_ids"]]
            case _:
                found = self._answers(
                    [e["prompt"] for e in examples], [e["completion"] for e in examples], tools
                )
                return [{WHOLE: self._told(ids, start)} for ids, start in found]

    def _conversations(self, conversations: list[list[Message]], tools: list[Any]) -> list[Sides]:
        if self._bytes is None or any(tools):
            return self._by_the_library(conversations, tools)
        made = self._bytes.encode(self._with_reasonings(conversations))
        pairs = zip(conversations, made, strict=True)
        return [
            {WHOLE: Tokens(*tokens)} if tokens else self._by_the_library([messages], [None])[0]
            for messages, tokens in pairs
        ]

    def _by_the_library(self, conversations: list[list[Message]], tools: list[Any]) -> list[Sides]:
        rendered = self._render(conversations, tools, marks=self._marks)
        if not self._marks:
            return [_whole(ids) for ids in rendered["input_ids"]]
        pairs = zip(rendered["input_ids"], rendered["assistant_masks"], strict=True)
        marks = ((ids, np.frombuffer(bytes(mask), dtype=bool)) for ids, mask in pairs)
        return [{WHOLE: _tokens(ids, trained)} for ids, trained in marks]

    def _answers(
        self, prompts: list[list[Message]], answers: list[list[Message]], tools: list[Any]
    ) -> list[tuple[list[int], int]]:
        """The tokens of each prompt with its answer, and where the answer begins."""
        alone = self._render(prompts, tools, asks=True)["input_ids"]
        whole = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
        together = self._render(whole, tools)["input_ids"]
        pairs = zip(alone, together, strict=True)
        return [(both, common_prefix_length(prompt, both)) for prompt, both in pairs]

    def _told(self, ids: list[int], start: int) -> Tokens:
        first = (
            start if self.answers_only or self._format is DatasetFormat.UNPAIRED_PREFERENCE else 0
        )
        return _from(ids, first)

    def _render(
        self,
        conversations: list[list[Message]],
        tools: list[Any],
        *,
        asks: bool = False,
        marks: bool = False,
    ) -> dict[str, list[list[int]]]:
        """What apply_chat_template makes of them, at once where they have no tools of their own."""
        adapted = self._with_reasonings(conversations)
        shared: dict[str, Any] = {
            "tokenize": True,
            "return_dict": True,
            "add_generation_prompt": asks,
            "chat_template": self.template,
            # All ones.
            "tokenizer_kwargs": {"return_attention_mask": False},
        } | ({"return_assistant_tokens_mask": True} if marks else {})
        if not any(tools):
            return dict(self.tokenizer.apply_chat_template(adapted, **shared))
        made = [
            self.tokenizer.apply_chat_template(messages, tools=each or None, **shared)
            for messages, each in zip(adapted, tools, strict=True)
        ]
        return {name: [row[name] for row in made] for name in made[0]}

    def _with_reasonings(self, conversations: list[list[Message]]) -> list[list[Message]]:
        return [[self._with_reasoning(m) for m in messages] for messages in conversations]

    def _with_reasoning(self, message: Message) -> Message:
        """A message's reasoning under the name by which this template shows it."""
        reasoning = message.get(REASONING) or message.get(THINKING)
        if not reasoning:
            return message
        plain = {name: v for name, v in message.items() if name not in (REASONING, THINKING)}
        template = self.template or ""
        for name in (REASONING, THINKING):
            if name in template:
                return plain | {name: reasoning}
        return plain | {"content": f"<think>\n{reasoning}\n</think>\n\n{message['content']}"}


def _tokens(ids: list[int], trained: np.ndarray) -> Tokens:
    return Tokens(np.array(ids, dtype=np.int32), trained)


def _from(ids: list[int], start: int) -> Tokens:
    """Tokens that are learned from `start` on."""
    return _tokens(ids, np.arange(len(ids)) >= start)


def _whole(ids: list[int], *, learned: bool = True) -> Sides:
    return {WHOLE: _tokens(ids, np.full(len(ids), learned))}


def _pair(better: tuple[list[int], int], worse: tuple[list[int], int]) -> Sides:
    """Both sides begin with what they share of the prompt; each learns the rest, as in DPO."""
    start = min(better[1], worse[1])
    return {CHOSEN: _from(better[0], start), REJECTED: _from(worse[0], start)}
