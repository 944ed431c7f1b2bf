"""A row's tokens as pieces of text that a person can read."""

from collections.abc import Iterator

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.data.preview import Piece


def pieces_of(
    tokenizer: PreTrainedTokenizerBase, ids: list[int], marks: list[bool], *, cut: int
) -> Iterator[Piece]:
    """The text token by token; where several make one character they stay together."""
    special = set(tokenizer.all_special_ids)

    def text_of(some: list[int]) -> str:
        return str(tokenizer.decode(some, clean_up_tokenization_spaces=False))

    begun = 0
    for place in range(len(ids)):
        # With the token before it, since some tokenizers drop a space at the beginning of a text.
        before = ids[max(begun - 1, 0) : begun]
        group = ids[begun : place + 1]
        text = text_of(before + group)[len(text_of(before)) :]
        if text.endswith("\ufffd") and place + 1 < len(ids) and place - begun < 8:
            continue
        yield Piece(
            text=text,
            ids=group,
            trained=bool(marks[begun]) and begun < cut,
            special=group[0] in special,
            cut=begun >= cut,
        )
        begun = place + 1
