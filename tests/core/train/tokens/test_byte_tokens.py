"""Marks by the bytes of tokens are those that the library finds by their places."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.options import DatasetFormat
from core.data.messages import Message
from core.train.tokens.byte_tokens import ByteTokens
from core.train.tokens.chat_template import training_template
from core.train.tokens.encode import Encoder
from core.train.tokens.row_tokens import WHOLE, Tokens
from tests.core.train.families import FAMILIES
from tests.tiny_model import make_tiny_model

TEXTS = [
    "Blue.", "naïve 🙂", "  spaces and\n\nlines\t", "日本語", "x <|im_end|> y", "é" * 50, "e\u0301",
]  # fmt: skip


def conversations() -> list[list[Message]]:
    """Each text as the answer, the question and the system's word of some conversation."""
    made = []
    for number, text in enumerate(TEXTS):
        other = TEXTS[number - 1]
        turn = [{"role": "user", "content": other}, {"role": "assistant", "content": text}]
        made += [turn, [{"role": "system", "content": text}, *turn, *turn]]
    return made


@pytest.fixture(params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedTokenizerBase:
    folder = make_tiny_model(tmp_path / "model", **FAMILIES[request.param])
    made: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    # As some are saved; it is not for us to cut off.
    made.backend_tokenizer.enable_truncation(5)
    return made


def by_the_library(tokenizer: PreTrainedTokenizerBase) -> list[tuple[list[int], list[int]]]:
    template, _ = training_template(tokenizer, model_name="tiny")
    made = tokenizer.apply_chat_template(
        conversations(), chat_template=template, tokenize=True, return_dict=True,
        return_assistant_tokens_mask=True,
    )  # fmt: skip
    return list(zip(made["input_ids"], made["assistant_masks"], strict=True))


def by_us(tokenizer: PreTrainedTokenizerBase) -> list[tuple[list[int], list[int]]]:
    encoder = Encoder(
        tokenizer, format=DatasetFormat.MESSAGES, answers_only=True, model_name="tiny"
    )
    found = []
    for sides in encoder.encode([{"messages": messages} for messages in conversations()]):
        assert isinstance(sides, dict)
        tokens: Tokens = sides[WHOLE]
        found.append((tokens.ids.tolist(), tokens.trained.astype(int).tolist()))
    return found


def test_marks_are_those_of_the_library(tokenizer: PreTrainedTokenizerBase) -> None:
    template, _ = training_template(tokenizer, model_name="tiny")
    quick = ByteTokens.of(tokenizer, template=template)
    assert quick is not None
    assert None not in quick.encode(conversations())
    assert by_us(tokenizer) == by_the_library(tokenizer)


def test_where_text_is_changed_before_it_is_tokens_the_library_is_asked(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    template, _ = training_template(tokenizer, model_name="tiny")
    quick = ByteTokens.of(tokenizer, template=template)
    assert quick is not None
    changed = [made is None for made in quick.encode(conversations())]
    assert changed == ["e\u0301" in str(messages) for messages in map(_said, conversations())]
    assert by_us(tokenizer) == by_the_library(tokenizer)


def test_tokens_of_another_kind_are_left_to_the_library(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    template, _ = training_template(tokenizer, model_name="tiny")
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.decoder = decoders.Metaspace()
    other = PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=tokenizer.chat_template)
    assert ByteTokens.of(other, template=template) is None


def _said(messages: list[Message]) -> str:
    return "".join(message["content"] for message in messages)
