"""Answers of the trained model, and of its base, to rows that it did not train on."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.runs.events import Sample
from core.train.tokens.columns import ANSWER, prompt_and_answer
from core.train.tokens.question import question_of, text_of

HOW_MANY = 3
MAX_PROMPT_TOKENS = 1024
MAX_ANSWER_TOKENS = 64
MAX_CHARACTERS = 2000


def sample_answers(
    model: PreTrainedModel | PeftModel,
    *,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    step: int,
    has_base: bool = True,
) -> list[Sample]:
    """Let the model answer the first prompts of `rows` (in a method's columns), greedily.

    `has_base` is whether an adapter's base is as it was.

    Rows without a prompt, such as plain text, and very long ones are passed over.
    """
    asked = list(_prompts(rows, tokenizer))[:HOW_MANY]
    if not asked:
        return []
    prompts = [prompt for prompt, _ in asked]
    with _ready_to_answer(model):
        answers = _answers(model, tokenizer, prompts)
        base: Sequence[str | None] = [None] * len(asked)
        if isinstance(model, PeftModel) and has_base:
            with model.disable_adapter():
                base = _answers(model, tokenizer, prompts)
    return [
        Sample(
            step=step,
            prompt=question_of(tokenizer, prompt)[:MAX_CHARACTERS],
            answer=answer,
            base_answer=base_answer,
            reference=expected[:MAX_CHARACTERS],
        )
        for (prompt, expected), answer, base_answer in zip(asked, answers, base, strict=True)
    ]


def _prompts(rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[list[int], str]]:
    """The tokens up to the first that is learned, and the answer of the row."""
    for row in rows.select(range(min(len(rows), 10 * HOW_MANY))):
        prompt, answer = prompt_and_answer(row)
        if 0 < len(prompt) <= MAX_PROMPT_TOKENS:
            yield prompt, row[ANSWER] if ANSWER in row else text_of(tokenizer, answer)


@contextlib.contextmanager
def _ready_to_answer(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    """Training turns dropout on and the cache of past tokens off."""
    was_training, used_cache = model.training, model.config.use_cache
    model.eval()
    model.config.use_cache = True
    try:
        yield
    finally:
        model.train(was_training)
        model.config.use_cache = used_cache


def _answers(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
) -> list[str]:
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    # To the left, so that every answer begins at the same place.
    ids = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    seen = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    with torch.inference_mode():
        made: Any = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(seen, device=model.device),
            max_new_tokens=MAX_ANSWER_TOKENS,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=pad,
        )
    return [text_of(tokenizer, answer)[:MAX_CHARACTERS] for answer in made[:, longest:].tolist()]
