"""Numbers as answers: the same text from every kind of file, and from the Hub's copy of each."""

import csv
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.files import read_rows
from core.data.scalars import text_of

# A column of a file, as a csv has it and as json has it, and the text that it teaches.
COLUMNS: list[tuple[list[str], list[Any], list[str]]] = [
    (["4.50", "3"], [4.5, 3], ["4.5", "3"]),
    (["4", ""], [4, None], ["4", ""]),
    (["NULL", "4"], [None, 4], ["", "4"]),
    (["4.", ".5"], [4.0, 0.5], ["4", "0.5"]),
    (["007", "8"], [7, 8], ["7", "8"]),
    (["1e5", "2"], [1e5, 2], ["100000", "2"]),
    (["-0", "-0.0"], [0, -0.0], ["0", "0"]),
    (["+5", " 6"], [5, 6], ["5", "6"]),
    (["9007199254740993", "1"], [9007199254740993, 1], ["9007199254740993", "1"]),
    (["TRUE", "false"], [True, False], ["True", "False"]),
    (["True", ""], [True, None], ["True", ""]),
    # Text stays as it is written, and so do numbers beside it.
    (["4.50", "about 3"], ["4.50", "about 3"], ["4.50", "about 3"]),
    (["1,000", "2"], ["1,000", "2"], ["1,000", "2"]),
    (["0x10", "1_000"], ["0x10", "1_000"], ["0x10", "1_000"]),
    (["2024-01-02", "2024-02-03"], ["2024-01-02", "2024-02-03"], ["2024-01-02", "2024-02-03"]),
    (["yes", "no"], ["yes", "no"], ["yes", "no"]),
]


def save_csv(path: Path, cells: list[str], _: list[Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "answer"], *(["x", cell] for cell in cells)])


def save_jsonl(path: Path, _: list[str], values: list[Any]) -> None:
    lines = (json.dumps({"id": "x", "answer": value}) + "\n" for value in values)
    path.write_text("".join(lines), encoding="utf-8")


def save_json(path: Path, _: list[str], values: list[Any]) -> None:
    path.write_text(json.dumps([{"id": "x", "answer": value} for value in values]), "utf-8")


def save_parquet(path: Path, _: list[str], values: list[Any]) -> None:
    has_fractions = any(isinstance(value, float) for value in values)
    column = pa.array([float(v) for v in values] if has_fractions else values)
    pq.write_table(pa.table({"id": ["x", "x"], "answer": column}), path)


SAVES: dict[str, Callable[[Path, list[str], list[Any]], None]] = {
    "csv": save_csv, "jsonl": save_jsonl, "json": save_json, "parquet": save_parquet,
}  # fmt: skip


@pytest.mark.parametrize("kind", SAVES)
def test_values_are_the_same_text_from_every_file_and_from_the_hubs_copy_of_it(
    tmp_path: Path, kind: str
) -> None:
    loader = "json" if kind == "jsonl" else kind
    for number, (cells, values, expected) in enumerate(COLUMNS):
        path = tmp_path / f"{number}.{kind}"
        SAVES[kind](path, cells, values)
        ours = [text_of(row.values["answer"]) for row in read_rows(path)]
        copy = datasets.load_dataset(
            loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
        )
        assert ours == expected, cells
        assert [text_of(row["answer"]) for row in copy] == expected, cells


def test_what_is_rewritten_is_told_with_an_example(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("zip,price,name\n0123,4,a\n1234,5,b\n", encoding="utf-8")
    (first, _) = read_rows(path)
    assert first.notes == {"zip": "'0123' is read as 123"}


def test_cells_that_are_read_as_no_value_are_told_with_a_count(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("answer,score\nNone,NA\nyes,007\nnull,\nNone,8\n", encoding="utf-8")
    (first, second, *_) = read_rows(path)
    assert first.lost == {"answer": "None", "score": "NA"}
    assert second.lost == {}
    assert first.notes == {
        "answer": "'None', 'null' is read as no value (3 rows)",
        "score": "'007' is read as 7; 'NA' is read as no value (1 row)",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), ""),
        (Decimal("4.50"), "4.50"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),
        (1e300, "1e+300"),
        ({"a": 1}, None),
        (b"a", None),
    ],
)
def test_types_that_only_some_files_have(value: Any, text: str | None) -> None:
    assert text_of(value) == text
