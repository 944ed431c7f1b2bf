"""Conversations under the names that datasets give them, read into role and content."""

import json
from typing import Any

import pytest

from core.data.json_values import NotMessages
from core.data.messages import conversation, is_conversation

READ = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]


@pytest.mark.parametrize(
    "value",
    [
        READ,
        json.dumps(READ),
        {"messages": READ},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
        [{"speaker": "Customer", "utterance": "Hi"}, {"author": "agent", "body": "Hello."}],
        ["Hi", "Hello."],
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, READ[1]],
    ],
)
def test_a_conversation_is_read_whatever_its_keys_are_called(value: Any) -> None:
    assert conversation(value) == READ
    assert is_conversation(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "with one at least"),
        ("not JSON", "is not a list of messages"),
        ("[" * 100_000, "is not a list of messages"),
        ([1, 2], "objects with role and content"),
        ([{"role": "narrator", "content": "x"}], "has a role 'narrator'; known are"),
        ([{"role": "user", "content": 5}], "user message whose content is not text"),
        ([{"role": "user", "content": "\ud83d"}], "half a character"),
        ([{"role": "assistant", "tool_calls": [{"arguments": {}}]}], "without the name"),
        ([{"role": "assistant", "tool_calls": 5}], "not a list"),
    ],
)
def test_what_is_no_conversation_is_told_why(value: Any, words: str) -> None:
    with pytest.raises(NotMessages, match=words):
        conversation(value)
    assert not is_conversation(value)


def test_a_call_has_its_arguments_as_an_object() -> None:
    call = {"name": "weather", "arguments": '{"place": "Oslo"}'}
    for message in (
        {"role": "assistant", "content": None, "tool_calls": [{"function": call, "id": "c1"}]},
        {"from": "function_call", "value": json.dumps(call)},
    ):
        (made,) = conversation([message])
        assert (made["role"], made["content"]) == ("assistant", "")
        (told,) = made["tool_calls"]
        assert told["function"] == {"name": "weather", "arguments": {"place": "Oslo"}}
