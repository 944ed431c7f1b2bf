"""Rows as examples: each format as TRL takes it, and rows that are refused with their place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config.options import DatasetFormat
from core.config.parse import parse_config
from core.data.column_names import REQUIRED
from core.data.examples import map_rows
from core.data.files import read_rows
from core.data.formats import to_example
from core.data.mapping import RowMapping
from core.data.row import Row
from core.data.sources import Source, sources_of
from core.errors import UserError

USER = {"role": "user", "content": "How much?"}
ANSWER = {"role": "assistant", "content": "0"}
WORSE = {"role": "assistant", "content": "Much."}
SYSTEM = {"role": "system", "content": "Be short."}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}


def uploaded(**sections: Any) -> Source:
    upload = {"source": "upload", "files": ["rows.jsonl"]} | sections.pop("dataset", {})
    config = parse_config({"dataset": upload, **sections})
    return sources_of(config, {"rows.jsonl": Path("rows.jsonl")}).train[0]


def placed(rows: list[dict[str, Any]]) -> Iterator[Row]:
    return (Row(f"line {number}", values) for number, values in enumerate(rows, start=1))


def mapped(source: Source, rows: Iterator[Row]) -> tuple[RowMapping, list[Any]]:
    made = map_rows(source, rows)
    return made.mapping, [found.example for found in made.examples(made.rows)]


def examples(rows: list[dict[str, Any]], **sections: Any) -> list[dict[str, Any]]:
    return mapped(uploaded(**sections), placed(rows))[1]


def example(values: dict[str, Any], format: DatasetFormat) -> dict[str, Any]:
    parts = {part: part for part in REQUIRED[format]}
    return to_example(Row("line 7", values), RowMapping(format, parts))


def refusal(values: dict[str, Any], format: DatasetFormat) -> str:
    with pytest.raises(UserError) as caught:
        example(values, format)
    assert caught.value.hint
    assert "line 7" in caught.value.message
    return caught.value.message


def test_each_format_is_made_as_trl_takes_it() -> None:
    chat = [{"role": "system", "content": ""}, USER, ANSWER, USER, ANSWER]
    assert example({"messages": chat}, DatasetFormat.MESSAGES) == {"messages": chat}
    assert example({"text": " a\n", "n": 1}, DatasetFormat.TEXT) == {"text": " a\n"}
    assert example({"prompt": "0", "completion": "1"}, DatasetFormat.PROMPT_COMPLETION) == {
        "prompt": [{"role": "user", "content": "0"}],
        "completion": [{"role": "assistant", "content": "1"}],
    }
    rated = {"prompt": [USER], "completion": [ANSWER], "label": "True"}
    assert example(rated, DatasetFormat.UNPAIRED_PREFERENCE) == rated | {"label": True}
    for word, is_good in (("Good", True), ("thumbs down", False), ("no", False), ("👍", True)):
        found = example(rated | {"label": word}, DatasetFormat.UNPAIRED_PREFERENCE)
        assert found["label"] is is_good
    assert example({"prompt": "a"}, DatasetFormat.PROMPT_ONLY) == {
        "prompt": [{"role": "user", "content": "a"}]
    }


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "How much?", "chosen": "0", "rejected": "Much."},
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [WORSE]},
        {"prompt": "How much?", "chosen": [USER, ANSWER], "rejected": [USER, WORSE]},
        {"chosen": [USER, ANSWER], "rejected": [USER, WORSE]},
    ],
    ids=["plain", "conversational", "prompt repeated", "prompt implied"],
)
def test_pairs_have_one_prompt_and_two_answers(row: dict[str, Any]) -> None:
    assert examples([row]) == [{"prompt": [USER], "chosen": [ANSWER], "rejected": [WORSE]}]


def test_a_pair_that_shares_no_prompt_is_refused() -> None:
    with pytest.raises(UserError, match="line 1 should begin as the rejected one does"):
        examples([{"chosen": [USER, ANSWER], "rejected": [SYSTEM, WORSE]}])


@pytest.mark.parametrize(
    "value",
    [
        [USER, ANSWER],
        [{"from": "human", "value": "How much?"}, {"from": "gpt", "value": "0"}],
        [{"speaker": "User", "text": "How much?"}, {"speaker": "Bot", "text": "0"}],
        ["How much?", "0"],
        {"messages": [USER, ANSWER]},
        json.dumps([USER, ANSWER]),
        [USER | {"content": [{"type": "text", "text": "How much?"}]}, ANSWER | {"name": None}],
    ],
    ids=["chatml", "sharegpt", "speakers", "bare turns", "nested", "json", "parts"],
)
def test_any_nesting_of_a_conversation_is_read(value: Any) -> None:
    assert examples([{"conversations": value}]) == [{"messages": [USER, ANSWER]}]


def test_tools_and_their_calls_reach_the_template() -> None:
    call = {"function": {"name": "add", "arguments": '{"a": 1, "b": null}'}}
    row = {
        "messages": [USER, {"role": "assistant", "content": None, "tool_calls": [call]}],
        "tools": json.dumps([TOOL]),
    }
    (made,) = examples([row])
    assert made["tools"] == [TOOL]
    function = {"name": "add", "arguments": {"a": 1}}
    assert made["messages"][1] == {
        "role": "assistant", "content": "",
        "tool_calls": [{"type": "function", "function": function}],
    }  # fmt: skip


def test_columns_are_mapped_as_they_are_named() -> None:
    row = {"q": "2 + 2?", "hint": "count", "a": 4, "why": "two and two", "who": "a teacher"}
    columns = {
        "prompt": 'Answer as {"n": …}. {q}\n({hint})', "completion": "a", "reasoning": "why",
        "system": "You are {who}.", "developer": "Say little.",
    }  # fmt: skip
    assert examples([row], columns=columns) == [
        {
            "prompt": [
                {"role": "system", "content": "You are a teacher."},
                {"role": "developer", "content": "Say little."},
                {"role": "user", "content": 'Answer as {"n": …}. 2 + 2?\n(count)'},
            ],
            "completion": [
                {"role": "assistant", "content": "4", "reasoning_content": "two and two"}
            ],
        }
    ]


def test_a_system_message_of_the_row_stays() -> None:
    rows = [{"messages": [SYSTEM, USER, ANSWER]}, {"messages": [USER, ANSWER]}]
    columns = {"system": "Be kind."}
    kind = {"role": "system", "content": "Be kind."}
    assert [made["messages"][0] for made in examples(rows, columns=columns)] == [SYSTEM, kind]


def test_filters_leave_the_rows_that_are_wanted() -> None:
    row = {"text": "a", "bad": False, "source": "book"}
    rows = [
        row, row | {"text": "b", "bad": "yes"}, row | {"text": "c", "source": " "}, row,
        row | {"text": "d", "bad": 0},
    ]  # fmt: skip
    filters = {"drop_where": "bad", "drop_empty": "source", "drop_duplicates": True}
    assert [made["text"] for made in examples(rows, filters=filters)] == ["a", "d"]
    assert len(examples(rows)) == 5
    with pytest.raises(UserError) as caught:
        examples(rows, filters={"drop_where": "worse"})
    assert caught.value.field == "filters.drop_where"


def test_a_csv_holds_messages_as_json(tmp_path: Path) -> None:
    path = tmp_path / "chats.csv"
    cell = json.dumps([USER, ANSWER]).replace('"', '""')
    path.write_text(f'id,messages\n1,"{cell}"\n', encoding="utf-8")
    mapping, found = mapped(uploaded(), read_rows(path))
    assert mapping.format is DatasetFormat.MESSAGES
    assert found == [{"messages": [USER, ANSWER]}]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ("not json", "is not a list of messages"),
        ("", "is not a list of messages"),
        ('{"role": "user"}', "not text"),
        ("5", "should be a list of messages"),
        ("[]", "should be a list of messages"),
        (None, "should be a list of messages"),
        (5, "should be a list of messages"),
        ({"content": "x"}, "should be a list of messages"),
        ([ANSWER, None], "role and content"),
        ([ANSWER, "hello"], "role and content"),
        ([ANSWER, [USER]], "role and content"),
        ([USER], "no message of the assistant"),
        ([ANSWER, {"role": "cat", "content": "x"}], "'cat'"),
        ([ANSWER, {"role": None, "content": "x"}], "role"),
        ([ANSWER, {"role": ["user"], "content": "x"}], "role"),
        ([ANSWER, {"content": "x"}], "role"),
        ([{"role": "assistant"}], "not text"),
        ([{"role": "assistant", "content": None}], "not text"),
        ([{"role": "assistant", "content": 5}], "not text"),
        ([{"role": "assistant", "content": True}], "not text"),
        ([{"role": "assistant", "content": {"text": "x"}}], "not text"),
        ([{"role": "assistant", "content": [{"image": "x"}]}], "not text"),
        ([{"role": "assistant", "tool_calls": [{"name": 5}]}], "name of a function"),
        pytest.param("[" * 50_000, "", id="nested without end"),
        pytest.param("9" * 5000, "", id="a number without end"),
        pytest.param([{"role": "assistant", "content": "\ud83d"}], "", id="half a character"),
    ],
)
def test_a_bad_conversation_is_refused_with_its_place(messages: Any, words: str) -> None:
    message = refusal({"messages": messages}, DatasetFormat.MESSAGES)
    assert words in message
    assert len(message) < 300


@pytest.mark.parametrize("value", [None, "", "  \n", [], [{"a": "b"}], {"a": "b"}, b"a"])
@pytest.mark.parametrize(
    ("column", "format"),
    [
        ("text", DatasetFormat.TEXT),
        ("prompt", DatasetFormat.PROMPT_COMPLETION),
        ("completion", DatasetFormat.PROMPT_COMPLETION),
    ],
)
def test_what_is_not_text_is_never_made_into_text(
    value: Any, column: str, format: DatasetFormat
) -> None:
    values = {"text": "a", "prompt": "a", "completion": "a", column: value}
    assert f"'{column}'" in refusal(values, format)


@pytest.mark.parametrize(
    ("column", "format"),
    [
        ("text", DatasetFormat.TEXT),
        ("messages", DatasetFormat.MESSAGES),
        ("completion", DatasetFormat.PROMPT_COMPLETION),
    ],
)
def test_a_row_without_its_column_is_refused(column: str, format: DatasetFormat) -> None:
    assert f"'{column}'" in refusal({"prompt": "a"}, format)


def test_a_bad_row_far_down_is_found_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"messages": [USER, ANSWER]}) + "\n"
    path.write_text(good * 500 + '{"messages": [null]}\n', encoding="utf-8")
    made = map_rows(uploaded(), read_rows(path))
    assert made.mapping.format is DatasetFormat.MESSAGES
    with pytest.raises(UserError, match="line 501 ") as caught:
        list(made.examples(made.rows))
    assert caught.value.field == "dataset.files"


def test_a_value_that_is_no_number_is_no_answer() -> None:
    parts = {"prompt": "prompt", "completion": "completion"}
    row = Row("row 1", {"prompt": "a", "completion": float("nan")})
    with pytest.raises(UserError, match="'completion' in row 1 should be text, but it is empty"):
        to_example(row, RowMapping(DatasetFormat.PROMPT_COMPLETION, parts))


def test_a_cell_that_is_read_as_no_value_is_told_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,completion\na,b\nc,None\n", encoding="utf-8")
    source = uploaded()
    with pytest.raises(UserError, match="line 3 should be text, but 'None' is read as no") as told:
        mapped(source, read_rows(path))
    assert "jsonl" in told.value.hint
    text = "prompt,system,completion\na,NA,b\n"
    path.write_text(text, encoding="utf-8")
    rows = map_rows(source, read_rows(path))
    (placed,) = rows.examples(rows.rows)
    assert ["'NA' is read as no value (1 row)" in text for text in placed.warnings] == [True]


@pytest.mark.parametrize(
    ("system", "question", "is_added"),
    [
        ("JSON", "Write JSON.", True),
        ("JSON", "JSON: what is it?", True),
        ("You write nothing but JSON.", "Why say: You write nothing but JSON.", True),
        ("You write nothing but JSON.", "You write nothing but JSON. Who am I?", False),
        ("JSON", "JSON", False),
    ],
)
def test_a_system_prompt_is_left_out_only_where_the_messages_begin_with_it(
    system: str, question: str, is_added: bool
) -> None:
    (made,) = examples([{"prompt": question, "completion": "x", "system": system}])
    assert len(made["prompt"]) == 1 + is_added
