"""Examples as tokens, with a mark on those that are learned. The preview and the trainer call this.

How answers are told from prompts is TRL's way: a chat template that marks them, or else the place
where the prompt alone and the prompt with its answer begin to differ.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jinja2 import TemplateError
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.data_utils import common_prefix_length

from core.config.options import DatasetFormat
from core.config.resolved import Choice
from core.data.formats import Example
from core.data.messages import NOT_LEARNED, REASONING, Message
from core.errors import UserError
from core.train.tokens.byte_tokens import ByteTokens
from core.train.tokens.chat_template import training_template, trains_to_stop
from core.train.tokens.lost import MIXED, lost_texts, lost_tools, messages_of
from core.train.tokens.marks import NotTold, learned
from core.train.tokens.row_tokens import CHOSEN, REJECTED, WHOLE, Refused, Sides, Tokens
from core.train.tokens.template_limits import template_faults

# What templates call a message's reasoning; without either it goes in front of the answer.
REASONING_NAMES = (REASONING, "thinking")
THOUGHT = "<think>\n{}\n</think>\n\n"
# So many rows are rendered once more, to see what the chat template leaves out of them.
COMPARED_ROWS = 50


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
        closes: bool = False,
        model_name: str,
    ) -> None:
        self.tokenizer = tokenizer
        self.choices: dict[str, Choice] = {}
        self.warnings: list[str] = []
        self._format = format
        self._model_name = model_name
        self.answers_only, self.closes = answers_only, closes
        self._compared = 0
        self._hides_thoughts: bool | None = None
        self.template: str | None = tokenizer.chat_template
        self._marks = answers_only and format is DatasetFormat.MESSAGES
        if format is not DatasetFormat.TEXT and self.template is None:
            raise UserError(
                f"{model_name} has no chat template, so it can't be trained on conversations yet.",
                hint="Set `model.chat_template` to `plain` or `chatml`, or choose an instruct "
                "model.",
                field="model.chat_template",
            )
        # Quicker than the library's way, where it can be.
        self._bytes: ByteTokens | None = None
        if self._marks:
            with template_faults(model_name):
                self._choose_training_template()

    def _choose_training_template(self) -> None:
        self.template, choice = training_template(self.tokenizer, model_name=self._model_name)
        self._bytes = ByteTokens.of(self.tokenizer, template=self.template)
        self.choices["training_chat_template"] = choice
        if not trains_to_stop(self.tokenizer, self.template):
            self.warnings.append(
                "The end of an answer is not trained, so the model may not learn to stop: "
                "set `model.chat_template` to `plain`, or choose a model whose own template "
                "marks the end too."
            )

    def lost(self, example: Example) -> list[str]:
        """Warnings about what of an example the chat template leaves out in silence."""
        found = lost_tools(example, self.template or "")
        if self._format is DatasetFormat.TEXT or self._compared == COMPARED_ROWS:
            return found
        self._compared += 1
        tools = [example.get("tools")]
        messages = messages_of(example)
        [shown] = self._render([messages], tools, tokenize=False)["text"]
        found += lost_texts(messages, shown)
        answer = messages[len(example.get("prompt", messages)) :]
        if answer and str(answer[0]["content"])[:1].isspace():
            [(_, start)] = self._answers([example["prompt"]], [answer], tools)
            [prompt] = self._render([example["prompt"]], tools, asks=True)["input_ids"]
            found += [MIXED] if start < len(prompt) else []
        return found

    def encode(self, examples: Sequence[Example]) -> list[Sides | Refused]:
        """The tokens of each example, by side; a reason where the chat template refuses it.

        Raises UserError where the template itself is at fault.
        """
        characters = sum(len(str(part)) for example in examples for part in example.values())
        try:
            with template_faults(self._model_name, characters=characters):
                return list(self._encode(examples))
        except (TemplateError, TypeError, KeyError, ValueError, RecursionError) as error:
            if len(examples) == 1:
                if isinstance(error, NotTold):
                    return [Refused(f"{error}.")]
                problem = "too deeply nested" if isinstance(error, RecursionError) else error
                return [Refused(f"The model's chat template refuses it: {problem}.")]
            return [sides for example in examples for sides in self.encode([example])]

    def _encode(self, examples: Sequence[Example]) -> list[Sides]:
        tools = [example.get("tools") for example in examples]
        match self._format:
            case DatasetFormat.TEXT:
                end = self.tokenizer.eos_token or ""
                texts = [e["text"] + ("" if e["text"].endswith(end) else end) for e in examples]
                return [_whole(self._one_bos(i)) for i in self.tokenizer(text=texts)["input_ids"]]
            case DatasetFormat.MESSAGES:
                return self._conversations([e["messages"] for e in examples], tools)
            case DatasetFormat.PREFERENCE:
                prompts = [e["prompt"] for e in examples]
                better = self._answers(prompts, [e["chosen"] for e in examples], tools)
                worse = self._answers(prompts, [e["rejected"] for e in examples], tools)
                pairs = zip(better, worse, strict=True)
                return [self._pair(*map(self._closed, pair)) for pair in pairs]
            case DatasetFormat.PROMPT_ONLY:
                rendered = self._render([e["prompt"] for e in examples], tools, asks=True)
                return [_whole(ids, learned=False) for ids in rendered["input_ids"]]
            case _:
                found = self._answers(
                    [e["prompt"] for e in examples], [e["completion"] for e in examples], tools
                )
                return [{WHOLE: self._told(ids, start)} for ids, start in found]

    def _one_bos(self, ids: list[int]) -> list[int]:
        """Text that begins with the mark of a beginning gets no second one from the tokenizer."""
        bos = self.tokenizer.bos_token_id
        return ids[1:] if bos is not None and ids[:2] == [bos, bos] else ids

    def _conversations(self, conversations: list[list[Message]], tools: list[Any]) -> list[Sides]:
        if not self._marks:
            return self._all_learned(conversations, tools)
        if self._bytes is None or any(tools):
            return self._by_the_library(conversations, tools)
        made = self._bytes.encode(self._with_reasonings(conversations))
        pairs = zip(conversations, made, strict=True)
        return [
            {WHOLE: self._learned(messages, *tokens)}
            if tokens
            else self._by_the_library([messages], [None])[0]
            for messages, tokens in pairs
        ]

    def _all_learned(self, conversations: list[list[Message]], tools: list[Any]) -> list[Sides]:
        if any(message.get(NOT_LEARNED) for messages in conversations for message in messages):
            raise NotTold(
                "Some of its messages are not to be learned: turn on `method.assistant_only_loss`"
            )
        return [_whole(ids) for ids in self._render(conversations, tools)["input_ids"]]

    def _by_the_library(self, conversations: list[list[Message]], tools: list[Any]) -> list[Sides]:
        rendered = self._render(conversations, tools, marks=True)
        made = zip(rendered["input_ids"], rendered["assistant_masks"], strict=True)
        return [
            {
                WHOLE: self._learned(
                    messages, np.array(ids, dtype=np.int32), np.frombuffer(bytes(mask), dtype=bool)
                )
            }
            for messages, (ids, mask) in zip(conversations, made, strict=True)
        ]

    def _learned(self, messages: list[Message], ids: np.ndarray, marks: np.ndarray) -> Tokens:
        shows_calls = "tool_calls" in (self.template or "")
        return Tokens(ids, learned(messages, marks, shows_calls=shows_calls))

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

    def _pair(self, better: tuple[list[int], int], worse: tuple[list[int], int]) -> Sides:
        """Both sides begin with what they share of the prompt; each learns the rest, as in DPO."""
        start = min(better[1], worse[1]) if self.answers_only else 0
        return {CHOSEN: _from(better[0], start), REJECTED: _from(worse[0], start)}

    def _closed(self, answer: tuple[list[int], int]) -> tuple[list[int], int]:
        """An answer between the tokenizer's own marks, where the method wants it so."""
        ids, start = answer
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        if self.closes and eos is not None and ids[-1:] != [eos]:
            ids = [*ids, eos]
        if self.closes and bos is not None and ids[0] != bos:
            ids, start = [bos, *ids], start + 1
        return ids, start

    def _render(
        self,
        conversations: list[list[Message]],
        tools: list[Any],
        *,
        asks: bool = False,
        marks: bool = False,
        tokenize: bool = True,
    ) -> dict[str, list[Any]]:
        """What apply_chat_template makes of them, at once where they have no tools of their own.

        Texts by the name "text" where they are not to be tokens.
        """
        adapted = self._with_reasonings(conversations)
        shared: dict[str, Any] = {
            "tokenize": tokenize,
            "return_dict": tokenize,
            "add_generation_prompt": asks,
            "chat_template": self.template,
            # All ones.
            "tokenizer_kwargs": {"return_attention_mask": False},
        } | ({"return_assistant_tokens_mask": True} if marks else {})
        apply = self.tokenizer.apply_chat_template
        if not any(tools):
            return (
                dict(apply(adapted, **shared)) if tokenize else {"text": apply(adapted, **shared)}
            )
        made = [
            apply(messages, tools=each or None, **shared)
            for messages, each in zip(adapted, tools, strict=True)
        ]
        if not tokenize:
            return {"text": made}
        return {name: [row[name] for row in made] for name in made[0]}

    def _with_reasonings(self, conversations: list[list[Message]]) -> list[list[Message]]:
        return [[self._with_reasoning(m) for m in messages] for messages in conversations]

    def _with_reasoning(self, message: Message) -> Message:
        """A message's reasoning under the name by which this template shows it."""
        reasoning = message.get(REASONING)
        if not reasoning:
            return message
        plain = {name: value for name, value in message.items() if name != REASONING}
        template = self.template or ""
        for name in REASONING_NAMES:
            if name in template:
                return plain | {name: reasoning}
        if self._takes_thoughts_away():
            return plain
        return plain | {"content": THOUGHT.format(reasoning) + str(message["content"])}

    def _takes_thoughts_away(self) -> bool:
        """Whether this template shows no thoughts even before a last answer, as DeepSeek-R1's."""
        if self._hides_thoughts is None:
            said = [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": f"{THOUGHT.format('thought')}b"},
            ]
            shown = self.tokenizer.apply_chat_template(
                said, tokenize=False, chat_template=self.template
            )
            self._hides_thoughts = "thought" not in shown
        return self._hides_thoughts


def _tokens(ids: list[int], trained: np.ndarray) -> Tokens:
    return Tokens(np.array(ids, dtype=np.int32), trained)


def _from(ids: list[int], start: int) -> Tokens:
    """Tokens that are learned from `start` on."""
    return _tokens(ids, np.arange(len(ids)) >= start)


def _whole(ids: list[int], *, learned: bool = True) -> Sides:
    return {WHOLE: _tokens(ids, np.full(len(ids), learned))}
