"""Tokens as a person reads them: what was said, and what was asked last."""

from collections.abc import Sequence
from itertools import takewhile

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

# What no conversation holds, to find again in what a chat template makes of it.
FIRST, BETWEEN, SECOND = "@first@", "@answer@", "@second@"


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """What tokens say, without the marks of a chat."""
    return str(tokenizer.decode(ids, skip_special_tokens=True)).strip()


def question_of(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> str:
    """What the person said last; the whole prompt where the chat template does not show it."""
    if tokenizer.chat_template:
        text = str(tokenizer.decode(prompt, skip_special_tokens=False))
        before, after = _marks_of_a_turn(tokenizer)
        if before and before in text and text.endswith(after):
            return text.removesuffix(after).rpartition(before)[2].strip()
    return text_of(tokenizer, prompt)


def _marks_of_a_turn(tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """What a chat template puts before what a person says, in any turn, and after it."""
    turns = [
        {"role": "user", "content": FIRST},
        {"role": "assistant", "content": BETWEEN},
        {"role": "user", "content": SECOND},
    ]
    text = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    if not all(part in text for part in (FIRST, BETWEEN, SECOND)):
        return "", ""
    begin = text.partition(FIRST)[0]
    between = text.partition(BETWEEN)[2].partition(SECOND)[0]
    # What both turns have in common just before the words.
    pairs = zip(reversed(begin), reversed(between), strict=False)
    shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))[::-1]
    return shared.lstrip(), text.partition(SECOND)[2]
