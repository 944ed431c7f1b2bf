"""Rows as examples: which shape they have, and which rows are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.data.files import Row
from core.data.formats import find_shape, to_example
from core.data.sources import check_file, examples_of_file
from core.errors import UserError
from core.options import DatasetShape
from core.sections import DatasetSection

USER = {"role": "user", "content": "How much?"}
ANSWER = {"role": "assistant", "content": "0"}


def example(values: dict[str, Any], shape: DatasetShape) -> dict[str, Any]:
    return to_example(Row("line 7", values), dataset=DatasetSection(), shape=shape)


def refusal(values: dict[str, Any], shape: DatasetShape) -> str:
    with pytest.raises(UserError) as caught:
        example(values, shape)
    assert caught.value.field == "dataset.file"
    assert caught.value.hint
    assert "line 7" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("columns", "shape"),
    [
        (["messages"], DatasetShape.MESSAGES),
        (["id", "messages", "text"], DatasetShape.MESSAGES),
        (["completion", "prompt"], DatasetShape.PROMPT_COMPLETION),
        (["prompt", "text"], DatasetShape.TEXT),
        (["text"], DatasetShape.TEXT),
    ],
)
def test_the_columns_tell_the_shape(columns: list[str], shape: DatasetShape) -> None:
    assert find_shape(DatasetSection(), columns) is shape


def test_columns_of_other_names_can_be_named() -> None:
    dataset = DatasetSection(prompt_column="question", completion_column="answer")
    columns = ["question", "answer", "messages_raw"]
    assert find_shape(dataset, columns) is DatasetShape.PROMPT_COMPLETION
    row = Row("line 1", {"question": "a?", "answer": "b"})
    made = to_example(row, dataset=dataset, shape=DatasetShape.PROMPT_COMPLETION)
    assert made == {
        "prompt": [{"role": "user", "content": "a?"}],
        "completion": [{"role": "assistant", "content": "b"}],
    }
    assert find_shape(DatasetSection(text_column="body"), ["body"]) is DatasetShape.TEXT


def test_the_shape_that_is_asked_for_is_the_one_taken() -> None:
    dataset = DatasetSection(shape=DatasetShape.TEXT)
    assert find_shape(dataset, ["messages", "text"]) is DatasetShape.TEXT


@pytest.mark.parametrize(
    ("shape", "columns", "field"),
    [
        (DatasetShape.AUTO, ["question", "answer"], "dataset.shape"),
        (DatasetShape.AUTO, ["prompt", "answer"], "dataset.shape"),
        (DatasetShape.MESSAGES, ["answer", "text"], "dataset.messages_column"),
        (DatasetShape.PROMPT_COMPLETION, ["answer", "completion"], "dataset.prompt_column"),
        (DatasetShape.PROMPT_COMPLETION, ["answer", "prompt"], "dataset.completion_column"),
        (DatasetShape.TEXT, ["answer", "messages"], "dataset.text_column"),
    ],
)
def test_wrong_columns_are_told_with_those_there_are(
    shape: DatasetShape, columns: list[str], field: str
) -> None:
    with pytest.raises(UserError) as caught:
        find_shape(DatasetSection(shape=shape), columns)
    assert caught.value.field == field
    assert f"It has: {', '.join(sorted(columns))}." in caught.value.message
    assert caught.value.hint


def test_many_columns_are_told_in_a_few_words() -> None:
    with pytest.raises(UserError) as caught:
        find_shape(DatasetSection(), [f"column{n:04}" for n in range(5000)])
    assert "column0000" in caught.value.message
    assert len(caught.value.message) < 500


def test_each_shape_is_made_as_trl_takes_it() -> None:
    chat = [{"role": "system", "content": ""}, USER, ANSWER, USER, ANSWER]
    assert example({"messages": chat}, DatasetShape.MESSAGES) == {"messages": chat}
    assert example({"text": " a\n", "n": 1}, DatasetShape.TEXT) == {"text": " a\n"}
    assert example({"prompt": "0", "completion": "1"}, DatasetShape.PROMPT_COMPLETION) == {
        "prompt": [{"role": "user", "content": "0"}],
        "completion": [{"role": "assistant", "content": "1"}],
    }


def test_a_csv_holds_messages_as_json(tmp_path: Path) -> None:
    path = tmp_path / "chats.csv"
    cell = json.dumps([USER, ANSWER]).replace('"', '""')
    path.write_text(f'id,messages\n1,"{cell}"\n', encoding="utf-8")
    shape, examples = examples_of_file(path, dataset=DatasetSection())
    assert shape is DatasetShape.MESSAGES
    assert list(examples) == [{"messages": [USER, ANSWER]}]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ("not json", "is not a list of messages"),
        ("", "is not a list of messages"),
        ('{"role": "user"}', "should be a list of messages"),
        ("5", "should be a list of messages"),
        ("[]", "should be a list of messages"),
        ([], "should be a list of messages"),
        (None, "should be a list of messages"),
        (5, "should be a list of messages"),
        ({"role": "assistant", "content": "x"}, "should be a list of messages"),
        ([ANSWER, None], "role and content"),
        ([ANSWER, "hello"], "role and content"),
        ([ANSWER, [USER]], "role and content"),
        ([USER], "no message of the assistant"),
        ([ANSWER, {"role": "bot", "content": "x"}], "'bot'"),
        ([ANSWER, {"role": None, "content": "x"}], "role"),
        ([ANSWER, {"role": ["user"], "content": "x"}], "role"),
        ([ANSWER, {"content": "x"}], "role"),
        ([{"from": "gpt", "value": "x"}], "role"),
        ([{"role": "assistant"}], "not text"),
        ([{"role": "assistant", "content": None}], "not text"),
        ([{"role": "assistant", "content": 5}], "not text"),
        ([{"role": "assistant", "content": True}], "not text"),
        ([{"role": "assistant", "content": {"text": "x"}}], "not text"),
        ([{"role": "assistant", "content": ["x"]}], "not text"),
        pytest.param("[" * 50_000, "", id="nested without end"),
        pytest.param("9" * 5000, "", id="a number without end"),
        pytest.param([{"role": "assistant", "content": "\ud83d"}], "", id="half a character"),
    ],
)
def test_a_bad_conversation_is_refused_with_its_place(messages: Any, words: str) -> None:
    message = refusal({"messages": messages}, DatasetShape.MESSAGES)
    assert words in message
    assert len(message) < 300


@pytest.mark.parametrize("value", [None, "", "  \n", 0, 5, 1.5, True, ["a"], {"a": "b"}, b"a"])
@pytest.mark.parametrize(
    ("column", "shape"),
    [
        ("text", DatasetShape.TEXT),
        ("prompt", DatasetShape.PROMPT_COMPLETION),
        ("completion", DatasetShape.PROMPT_COMPLETION),
    ],
)
def test_what_is_not_text_is_never_made_into_text(
    value: Any, column: str, shape: DatasetShape
) -> None:
    values = {"text": "a", "prompt": "a", "completion": "a", column: value}
    assert f"'{column}'" in refusal(values, shape)


@pytest.mark.parametrize(
    ("column", "shape"),
    [
        ("text", DatasetShape.TEXT),
        ("messages", DatasetShape.MESSAGES),
        ("completion", DatasetShape.PROMPT_COMPLETION),
    ],
)
def test_a_row_without_its_column_is_refused(column: str, shape: DatasetShape) -> None:
    assert f"'{column}'" in refusal({"prompt": "a"}, shape)


def test_a_bad_row_far_down_is_found_before_training(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"messages": [USER, ANSWER]}) + "\n"
    path.write_text(good * 500, encoding="utf-8")
    shape = check_file(path, dataset=DatasetSection(), report=pytest.fail)
    assert shape is DatasetShape.MESSAGES
    path.write_text(good * 500 + '{"messages": [null]}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 501 "):
        check_file(path, dataset=DatasetSection(), report=pytest.fail)
