"""Which marked tokens are learned after all: not those of messages that are to be left out."""

from collections.abc import Sequence

import numpy as np

from core.data.messages import NOT_LEARNED, Message


class NotTold(ValueError):
    """Nobody can tell which tokens are a message's; its text says of what."""


def learned(messages: Sequence[Message], marks: np.ndarray, *, shows_calls: bool) -> np.ndarray:
    """The marks (bool, one a token) without those of messages that are not to be learned.

    Those are what the data says so of, and calls of tools under a template that does not show them:
    what it shows instead is an empty answer. Raises NotTold.
    """
    answers = [message for message in messages if message["role"] == "assistant"]
    left_out = [is_left_out(message, shows_calls=shows_calls) for message in answers]
    if not any(left_out):
        return marks
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) != len(answers):
        raise NotTold(
            "Some of its messages are not to be learned, and the model's chat template does not "
            "tell whose tokens are whose"
        )
    narrowed = marks.copy()
    for start, end, leaves in zip(starts, ends, left_out, strict=True):
        if leaves:
            narrowed[start:end] = False
    return narrowed


def is_left_out(message: Message, *, shows_calls: bool) -> bool:
    is_hidden_call = bool(message.get("tool_calls")) and not shows_calls and not message["content"]
    return is_hidden_call or bool(message.get(NOT_LEARNED))
