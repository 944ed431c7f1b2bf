"""A person's file: what is read from each kind, and where each fault is said to be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.files import read_rows
from core.errors import UserError

BOM = b"\xef\xbb\xbf"
Save = Callable[[str, bytes | str], Path]
CONVERSATION = [{"role": "user", "content": "Größe?"}, {"role": "assistant", "content": "1 m 🙂"}]
# What is wrong, and the words in which it must be told.
FAULTS: list[tuple[str, bytes | str, list[str]]] = [
    ("many.csv", "a,b\n1,2\n\n1,2,3\n5,6\n", ["Line 4 ", "3 values", "2 columns"]),
    ("few.csv", 'a,b\n"1\n1",2\n3\n', ["Line 4 ", "1 value", "2 columns"]),
    ("semicolons.csv", "a;b\n1;2;3\n", ["Line 2 ", "a value that has semicolons or line breaks"]),
    ("too_few.csv", "a;b\n1\n", ["Line 2 ", "missing, with semicolons between"]),
    ("text_after_a_quote.csv", 'a,b\n1,2\n"x" y,2\n', ["Line 3 "]),
    ("unclosed.csv", 'a,b\n1,2\n"x,2\n3,4\n5,6\n7,8\n', ["Line 3 "]),
    ("twice.csv", "a,a\n1,2\n", ["first line", "twice"]),
    ("header_only.csv", "prompt,completion\n", ["no rows"]),
    ("latin.csv", "text\ncafé\n".encode("latin-1"), ["UTF-8"]),
    ("bom_only.csv", BOM, ["no rows"]),
    ("cut.jsonl", '{"text": "a"}\n\n{"text": "b\n', ["Line 3 "]),
    ("list.jsonl", '{"text": "a"}\n["b"]\n', ["Line 2 ", "object"]),
    ("latin.jsonl", '{"text": "café"}'.encode("latin-1"), ["UTF-8"]),
    ("deep.jsonl", '{"text": "a"}\n' + '{"a":' * 50_000, ["Line 2 ", "nested"]),
    ("blank.jsonl", "\n\n \n", ["no rows"]),
    ("cut.json", '[\n{"text": "a"},\n{"text": }\n]', ["Line 3 "]),
    ("lines.json", '{"text": "a"}\n{"text": }\n', ["Line 2 "]),
    ("object.json", '{"text": "a"}', ["list of objects"]),
    ("splits.json", '{"train": [{"a": 1}], "test": [{"a": 2}]}', ["several: train, test"]),
    ("strings.json", '[{"text": "a"}, "b"]', ["Row 2 ", "object"]),
    ("none.json", "[]", ["no rows"]),
    ("deep.json", "[" * 50_000, ["nested"]),
    ("deep_and_closed.json", "[" * 50_000 + "]" * 50_000, ["nested"]),
    ("latin.json", '[{"text": "café"}]'.encode("latin-1"), ["UTF-8"]),
    ("latin.txt", "café\n".encode("latin-1"), ["UTF-8"]),
    ("blank.txt", "\n\n", ["no rows"]),
    ("words.parquet", "not a parquet file at all", ["parquet"]),
    ("sheet.xlsx", "PK", ["kind"]),
    ("archive.csv.gz", "text", ["kind"]),
    ("no_ending", "text", ["kind"]),
    ("huge_number.jsonl", '{"n": 1}\n{"n": ' + "9" * 5000 + "}\n", ["Line 2 "]),
    ("huge_number.json", '[{"n": ' + "9" * 5000 + "}]", []),
    *[(f"empty.{kind}", "", ["empty"]) for kind in ("csv", "json", "jsonl", "parquet", "txt")],
]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for row in read_rows(path):
        if row.fault is not None:
            raise row.fault
        found.append((row.place, row.values))
    return found


def fault(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        rows(path)
    assert path.name in caught.value.message
    return str(caught.value)


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.csv",
            'prompt,completion\nIs it 0?,"Yes, it is."\n\n"He said ""no"".",é\n',
            [
                ("line 2", {"prompt": "Is it 0?", "completion": "Yes, it is."}),
                ("line 4", {"prompt": 'He said "no".', "completion": "é"}),
            ],
        ),
        ("windows.csv", "a,b\r\n1,2\r\n", [("line 2", {"a": 1, "b": 2})]),
        ("no_newline_at_the_end.csv", "a,b\nx,", [("line 2", {"a": "x", "b": ""})]),
        ("nameless.csv", ",a\n0,x\n", [("line 2", {"Unnamed: 0": 0, "a": "x"})]),
        ("more_commas.csv", "a,b\nx,y,,\n", [("line 2", {"a": "x", "b": "y"})]),
        ("utf16.csv", "a\tb\r\né\tx\r\n".encode("utf-16"), [("line 2", {"a": "é", "b": "x"})]),
        ("tabs.tsv", "a\tb\nx\ty, z\n", [("line 2", {"a": "x", "b": "y, z"})]),
        ("a.ndjson", '{"a": 1}\n', [("line 1", {"a": 1})]),
        ("under_data.json", '{"version": 1, "data": [{"a": 1}]}', [("row 1", {"a": 1})]),
        ("commas.tsv", "a, b\tc\nx, y\tz\n", [("line 2", {"a, b": "x, y", "c": "z"})]),
        ("bom.csv", BOM + b"text\nhello\n", [("line 2", {"text": "hello"})]),
        ("SHOUTED.CSV", "text\nhello\n", [("line 2", {"text": "hello"})]),
        (
            "a.jsonl",
            '{"text": "a\\nb", "n": 0}\n\n{"text": "c", "n": null}',
            [("line 1", {"text": "a\nb", "n": 0}), ("line 3", {"text": "c", "n": None})],
        ),
        ("bom.jsonl", BOM + b'{"text": "a"}\r\n', [("line 1", {"text": "a"})]),
        (
            "a.json",
            json.dumps([{"messages": CONVERSATION}, {"messages": []}]),
            [("row 1", {"messages": CONVERSATION}), ("row 2", {"messages": []})],
        ),
        ("bom.json", BOM + b'[{"text": "a"}]', [("row 1", {"text": "a"})]),
        (
            "a.txt",
            "  first\n\nsecond, \"quoted\"\r\nthird",
            [
                ("line 1", {"text": "  first"}),
                ("line 3", {"text": 'second, "quoted"'}),
                ("line 4", {"text": "third"}),
            ],
        ),
        ("bom.txt", BOM + "é\n".encode(), [("line 1", {"text": "é"})]),
    ],
)  # fmt: skip
def test_rows_are_read_with_their_places(
    save: Save, name: str, content: bytes | str, expected: list[tuple[str, dict[str, Any]]]
) -> None:
    assert rows(save(name, content)) == expected


def test_a_value_may_go_over_several_lines_of_a_csv(save: Save) -> None:
    found = rows(save("a.csv", 'prompt,completion\n"one\ntwo\r\n\nthree",x\ny,z\n'))
    assert [values for _, values in found] == [
        {"prompt": "one\ntwo\r\n\nthree", "completion": "x"},
        {"prompt": "y", "completion": "z"},
    ]
    assert found[1][0] == "line 6"


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    columns = {"messages": [CONVERSATION] * 600, "n": list(range(600)), "empty": [None] * 600}
    found = rows(parquet(tmp_path / "a.parquet", columns))
    assert found[0] == ("row 1", {"messages": CONVERSATION, "n": 0, "empty": None})
    assert found[-1] == ("row 600", {"messages": CONVERSATION, "n": 599, "empty": None})
    assert len(found) == 600


def test_rows_come_one_by_one(save: Save) -> None:
    """A fault is told when it is reached, costs no memory before, and hides nothing behind it."""
    found = read_rows(save("a.jsonl", '{"n": 1}\n{broken\n{"n": 3}\n'))
    assert next(found).values == {"n": 1}
    bad = next(found)
    assert "Line 2 " in str(bad.fault)
    assert "`filters.skip_unreadable`" in str(bad.fault)
    assert next(found).values == {"n": 3}


@pytest.mark.parametrize(("name", "content", "words"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_a_fault_is_told_with_its_place(
    save: Save, name: str, content: bytes | str, words: list[str]
) -> None:
    message = fault(save(name, content))
    assert all(word in message for word in words), message


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    columns = {"text": [f"row {n}" for n in range(2000)]}
    whole = parquet(tmp_path / "a.parquet", columns).read_bytes()
    for share in (0.01, 0.5, 0.99):
        cut = tmp_path / "cut.parquet"
        cut.write_bytes(whole[: int(len(whole) * share)])
        assert "parquet" in fault(cut)


def test_a_parquet_file_with_broken_pages_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": [f"row {n}" for n in range(2000)]})
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + b"\xff" * 300 + whole[310:])
    assert "parquet" in fault(path)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})
    assert "no rows" in fault(path)


def test_a_fault_says_what_to_do_next(save: Save) -> None:
    with pytest.raises(UserError) as caught:
        rows(save("sheet.xlsx", "PK"))
    assert all(kind in caught.value.hint for kind in ("csv", "json", "jsonl", "parquet", "txt"))
    with pytest.raises(UserError) as caught:
        rows(save("latin.csv", "text\ncafé\n".encode("latin-1")))
    assert "UTF-8" in caught.value.hint


def test_a_file_under_the_wrong_ending_is_read_under_the_one_that_is_told(
    save: Save, tmp_path: Path
) -> None:
    table = parquet(tmp_path / "a.parquet", {"a": ["x"]}).read_bytes()
    wrong = {"one.jsonl": (b'[\n{"a": "x"}\n]', ".json"), "table.csv": (table, ".parquet")}
    for name, (content, ending) in wrong.items():
        with pytest.raises(UserError) as caught:
            rows(save(name, content))
        assert f"ending {ending}" in caught.value.hint
        assert rows(save(f"right{ending}", content))[0][1] == {"a": "x"}
