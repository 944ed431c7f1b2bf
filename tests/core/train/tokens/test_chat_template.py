"""Which tokens are learned: the assistant's words, the token that ends them, and no other."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trl
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

from core.errors import UserError
from core.train.tokens.chat_template import training_template, trains_to_stop
from tests.tiny_model import CHAT_TEMPLATE as SMOLLM2

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>",
]  # fmt: skip
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
UNKNOWN = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
)
MARKED = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|im_end|>"
    "{% endgeneration %}{% else %}{{ message['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
)
SYSTEM = {"role": "system", "content": "Answer in one word."}
FIRST = [
    {"role": "user", "content": "Which colour is the sky?"},
    {"role": "assistant", "content": "Blue, or grey: naïve 🙂"},
]
SECOND = [
    {"role": "user", "content": "What did the assistant say?"},
    # Words that a question has too: only their place tells the one from the other.
    {"role": "assistant", "content": "What did the assistant say?"},
]
CONVERSATIONS = pytest.mark.parametrize(
    "messages",
    [FIRST, [SYSTEM, *FIRST], [*FIRST, *SECOND], [SYSTEM, *FIRST, *SECOND]],
    ids=["one turn", "system and one turn", "two turns", "system and two turns"],
)


@dataclass(frozen=True)
class Family:
    """A chat template, and what ends an answer in it."""

    template: str
    end: str
    bos: str | None = None


FAMILIES = {
    "smollm2": Family(SMOLLM2, end="<|im_end|>", bos="<|im_start|>"),
    "qwen3": Family((TEMPLATES / "qwen3.jinja").read_text(encoding="utf-8"), end="<|im_end|>"),
    "llama3": Family(
        (TEMPLATES / "llama3.jinja").read_text(encoding="utf-8"),
        end="<|eot_id|>",
        bos="<|begin_of_text|>",
    ),
    "one that marks its answers": Family(MARKED, end="<|im_end|>"),
}
Tokenizer = Callable[[Family], PreTrainedTokenizerFast]


@pytest.fixture(scope="module")
def tokenizer_of() -> Tokenizer:
    trained = ByteLevelBPETokenizer()
    words = [message["content"] for message in [SYSTEM, *FIRST, *SECOND]] * 3
    trained.train_from_iterator(words, vocab_size=400, special_tokens=SPECIAL)

    def make(family: Family) -> PreTrainedTokenizerFast:
        return PreTrainedTokenizerFast(
            tokenizer_object=trained._tokenizer,
            bos_token=family.bos,
            eos_token=family.end,
            pad_token="<|endoftext|>",
            chat_template=family.template,
        )

    return make


def spans(
    tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]], *, template: str
) -> tuple[list[str], list[str]]:
    """What is learned and what is not, in the order in which it stands in the conversation."""
    encoded: Any = tokenizer.apply_chat_template(
        messages,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
        chat_template=template,
    )
    runs: dict[bool, list[list[int]]] = {True: [], False: []}
    last: bool | None = None
    for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True):
        if bool(mark) is not last:
            last = bool(mark)
            runs[last].append([])
        runs[last][-1].append(token)
    decoded = {mark: [tokenizer.decode(ids) for ids in parts] for mark, parts in runs.items()}
    return decoded[True], decoded[False]


@CONVERSATIONS
@pytest.mark.parametrize("name", FAMILIES)
def test_exactly_the_answers_and_their_ends_are_learned(
    tokenizer_of: Tokenizer, name: str, messages: list[dict[str, str]]
) -> None:
    family = FAMILIES[name]
    tokenizer = tokenizer_of(family)
    template, choice = training_template(tokenizer, model_name="acme/chat")
    assert choice.value
    assert choice.why
    learned, rest = spans(tokenizer, messages, template=template)
    # Qwen3 answers with what it thought first, which is nothing here, and ends with a new line.
    said = [re.sub(r"^<think>\n\n</think>\n\n", "", text).removesuffix("\n") for text in learned]
    answers = [m["content"] for m in messages if m["role"] == "assistant"]
    assert said == [answer + family.end for answer in answers]
    questions = [m["content"] for m in messages if m["role"] != "assistant"]
    assert all(any(question in text for text in rest) for question in questions)
    assert trains_to_stop(tokenizer, template)


@CONVERSATIONS
@pytest.mark.parametrize("name", ["smollm2", "llama3", "one that marks its answers"])
def test_marking_changes_no_word(
    tokenizer_of: Tokenizer, name: str, messages: list[dict[str, str]]
) -> None:
    tokenizer = tokenizer_of(FAMILIES[name])
    template, _ = training_template(tokenizer, model_name="acme/chat")
    for prompted in (False, True):
        own, marked = (
            tokenizer.apply_chat_template(
                messages, tokenize=False, chat_template=which, add_generation_prompt=prompted
            )
            for which in (None, template)
        )
        assert own == marked
    # What the model is saved with stays its own.
    assert tokenizer.chat_template == FAMILIES[name].template


def test_what_cannot_be_marked_is_refused(tokenizer_of: Tokenizer) -> None:
    tokenizer = tokenizer_of(Family(UNKNOWN, end="<|im_end|>"))
    with pytest.raises(UserError) as caught:
        training_template(tokenizer, model_name="acme/odd")
    assert caught.value.field == "method.assistant_only_loss"
    assert "acme/odd" in caught.value.message
    assert caught.value.hint


def test_a_template_that_is_nearly_smollm2s_is_not_taken_for_it(tokenizer_of: Tokenizer) -> None:
    """One that trims, or has another system message, would be trained on other tokens."""
    for changed in (
        SMOLLM2.replace("named SmolLM", "named Ada"),
        SMOLLM2.replace("message['content']", "message['content'] | upper"),
    ):
        assert changed != SMOLLM2
        tokenizer = tokenizer_of(Family(changed, end="<|im_end|>"))
        with pytest.raises(UserError, match="acme/near"):
            training_template(tokenizer, model_name="acme/near")


def test_an_end_that_is_not_learned_is_noticed(tokenizer_of: Tokenizer) -> None:
    outside = MARKED.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
    assert outside != MARKED
    tokenizer = tokenizer_of(Family(outside, end="<|im_end|>"))
    template, _ = training_template(tokenizer, model_name="acme/chat")
    assert template == outside
    assert not trains_to_stop(tokenizer, template)
