"""What columns are for: found by their names and rows, or named by a person."""

from typing import Any

import pytest

from core.config.data import ColumnsSection
from core.config.options import DatasetFormat
from core.data.mapping import find_mapping
from core.errors import UserError

CHAT = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


def found(
    row: dict[str, Any], format: DatasetFormat = DatasetFormat.AUTO, **named: str
) -> tuple[DatasetFormat, dict[str, str], bool]:
    mapping = find_mapping(format, ColumnsSection(**named), columns=list(row), rows=[row])
    return mapping.format, mapping.parts, mapping.sure


def refusal(row: dict[str, Any], format: DatasetFormat, **named: str) -> UserError:
    with pytest.raises(UserError) as caught:
        found(row, format, **named)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("row", "format", "parts"),
    [
        ({"messages": CHAT}, "messages", {"messages": "messages"}),
        ({"id": 1, "Conversations": CHAT, "text": "x"}, "messages", {"messages": "Conversations"}),
        (
            {"messages": CHAT, "tools": [], "system": "s"},
            "messages",
            {"messages": "messages", "system": "system", "tools": "tools"},
        ),
        (
            {"completion": "a", "prompt": "b"},
            "prompt_completion",
            {"prompt": "prompt", "completion": "completion"},
        ),
        (
            {"instruction": "a", "input": "", "output": "b"},
            "prompt_completion",
            {"prompt": "{instruction}\n\n{input}", "completion": "output"},
        ),
        (
            {"question": "a", "rationale": "r", "answer": "b"},
            "prompt_completion",
            {"prompt": "question", "completion": "answer", "reasoning": "rationale"},
        ),
        (
            {"prompt": "p", "chosen": "a", "rejected": "b", "score": 1},
            "preference",
            {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
        ),
        (
            {"chosen": CHAT, "rejected": CHAT},
            "preference",
            {"chosen": "chosen", "rejected": "rejected"},
        ),
        (
            {"prompt": "p", "completion": "c", "label": True},
            "unpaired_preference",
            {"prompt": "prompt", "completion": "completion", "label": "label"},
        ),
        # A rating that is neither good nor bad is none.
        (
            {"prompt": "p", "completion": "c", "label": 3},
            "prompt_completion",
            {"prompt": "prompt", "completion": "completion"},
        ),
        ({"text": "a", "label": 1}, "text", {"text": "text"}),
        ({"prompt": "a", "text": "b"}, "text", {"text": "text"}),
        ({"prompt": "a"}, "prompt_only", {"prompt": "prompt"}),
    ],
)
def test_formats_are_found_by_themselves(
    row: dict[str, Any], format: str, parts: dict[str, str]
) -> None:
    assert found(row) == (format, parts, True)


def test_an_empty_input_leaves_no_gap() -> None:
    assert found({"instruction": "a", "context": "", "response": "b"})[1] == {
        "prompt": "{instruction}\n\n{context}", "completion": "response",
    }  # fmt: skip


def test_a_guess_is_called_one() -> None:
    assert found({"id": 1, "verse": "a"}) == (DatasetFormat.TEXT, {"text": "verse"}, False)
    format, parts, sure = found({"English": "a", "French": "b"})
    assert (format, sure) == (DatasetFormat.PROMPT_COMPLETION, False)
    assert parts == {"prompt": "English", "completion": "French"}


@pytest.mark.parametrize("turns", [["Hi", "Hello"], '["Hi", "Hello"]'])
def test_a_list_of_texts_called_data_is_turns_only_by_a_guess(turns: Any) -> None:
    assert found({"id": 1, "data": turns}) == (DatasetFormat.MESSAGES, {"messages": "data"}, False)
    # With other columns that are known it is no conversation.
    row = {"prompt": "p", "completion": "c", "data": turns}
    assert found(row)[0] is DatasetFormat.PROMPT_COMPLETION
    assert found({"data": CHAT}) == (DatasetFormat.MESSAGES, {"messages": "data"}, True)


def test_what_a_person_names_comes_first() -> None:
    row = {"messages": CHAT, "title": "t", "verse": "v"}
    named = {"prompt": "Write on {title}.", "completion": "verse"}
    assert found(row, DatasetFormat.AUTO, **named) == (DatasetFormat.PROMPT_COMPLETION, named, True)
    assert found(row, DatasetFormat.TEXT, text="verse")[1] == {"text": "verse"}
    # Pairs can be learned from as answers.
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}
    assert found(pair, DatasetFormat.PROMPT_COMPLETION, completion="chosen")[1] == {
        "prompt": "prompt", "completion": "chosen",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("format", "named", "field"),
    [
        ("auto", {}, "dataset.format"),
        ("messages", {}, "columns.messages"),
        ("prompt_completion", {}, "columns.prompt"),
        ("prompt_completion", {"prompt": "a"}, "columns.completion"),
        ("text", {}, "columns.text"),
        ("auto", {"prompt": "q", "completion": "b"}, "columns.prompt"),
        ("auto", {"prompt": "{q}", "completion": "b"}, "columns.prompt"),
        ("auto", {"prompt": "a", "completion": "nothing"}, "columns.completion"),
        ("auto", {"prompt": "a", "completion": "b", "system": "{who}"}, "columns.system"),
        ("text", {"text": "a", "prompt": "b"}, "columns.prompt"),
    ],
)
def test_what_is_not_there_is_told_at_its_field(
    format: str, named: dict[str, str], field: str
) -> None:
    row = {"a": "1", "b": "2", "c": "3"}
    error = refusal(row, DatasetFormat(format), **named)
    assert error.field == field
    if named != {"text": "a", "prompt": "b"}:
        assert "a, b, c" in error.message


def test_many_columns_are_told_in_a_few_words() -> None:
    error = refusal({f"column{n:04}": 1 for n in range(5000)}, DatasetFormat.AUTO)
    assert "column0000" in error.message
    assert len(error.message) < 500
