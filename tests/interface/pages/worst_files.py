"""The worst files that a person may choose, each as small as its fault allows."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Make = Callable[[Path], Path]
GOOD = {"prompt": "2 + 2?", "completion": "4"}
# Both take two bytes in a parquet footer, so that one can stand in the other's place.
ROWS, TOLD_ROWS = 500, 900
HUGE_TEXT, HUGE_ROWS = 30_000_000, 2000


@dataclass(frozen=True)
class Worst:
    """A bad file, the words that must be said of it, and the setting that is at fault.

    Without such a setting the words are a warning, and the file can be trained on.
    """

    name: str
    make: Make
    words: tuple[str, ...]
    hint: str
    field: str | None = "dataset.files"


def million_columns(folder: Path) -> Path:
    """Nobody can choose among its columns, and a table of them fills the memory."""
    names, values = (",".join(f"{kind}{n}" for n in range(1_000_000)) for kind in ("c", "v"))
    return _save(folder / "wide.csv", f"{names}\n{values}\n")


def bad_line(folder: Path) -> Path:
    """The fifth line is cut off."""
    lines = [json.dumps(GOOD | {"prompt": f"{n} + {n}?"}) for n in range(10)]
    return _save(folder / "bad_line.jsonl", "\n".join([*lines[:4], lines[4][:20], *lines[5:]]))


def mixed_types(folder: Path) -> Path:
    """The answers are text, but the third is an object."""
    return _jsonl(folder / "mixed.jsonl", [GOOD, GOOD, GOOD | {"completion": {"value": 4}}, GOOD])


def huge_cell(folder: Path) -> Path:
    """One answer is 10 MB long."""
    return _csv(folder / "cell.csv", [[*GOOD], [*GOOD.values()], ["How?", "so " * 3_500_000]])


def not_utf8(folder: Path) -> Path:
    """Saved by an old program, in another encoding."""
    text = "prompt,completion\nCafé?,Più\n"
    path = folder / "latin.csv"
    path.write_bytes(text.encode("latin-1"))
    return path


def lying_parquet(folder: Path) -> Path:
    """Its footer tells of more rows than are in it."""
    path = _parquet(folder / "lying.parquet", [GOOD] * ROWS)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    start = data.index(_thrift(ROWS), footer)
    path.write_bytes(data[:start] + _thrift(TOLD_ROWS) + data[start + 3 :])
    return path


def bomb(folder: Path) -> Path:
    """Two kilobytes that unpack to 120 GB: one huge text, which each of its rows names."""
    text = pa.array(["a" * HUGE_TEXT])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * HUGE_ROWS, pa.int32()), text)
    return _table(folder / "bomb.parquet", pa.table({"prompt": column, "completion": column}))


def slow_bomb(folder: Path) -> Path:
    """Its rows are such as a model might read, but so many tokens that looking takes seconds."""
    text = pa.array(["a" * 100_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), text)
    return _table(folder / "slow.parquet", pa.table({"prompt": column, "completion": column}))


def cut_parquet(folder: Path) -> Path:
    """Its download broke off in the middle."""
    path = _parquet(folder / "cut.parquet", [GOOD] * ROWS)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def broken_pages(folder: Path) -> Path:
    """Its footer is whole, but its rows are noise."""
    rows = [GOOD | {"prompt": f"{n} + {n}?"} for n in range(ROWS)]
    path = _parquet(folder / "broken.parquet", rows)
    data = path.read_bytes()
    path.write_bytes(data[:10] + b"\xff" * 300 + data[310:])
    return path


def open_quote(folder: Path) -> Path:
    """A quote begins in the third line and is never closed."""
    return _save(folder / "quote.csv", 'prompt,completion\na,b\n"c,d\ne,f\ng,h\n')


def deep(folder: Path) -> Path:
    """The second line is nested 50,000 deep."""
    nested = '{"prompt": ' + "[" * 50_000 + "]" * 50_000 + "}"
    return _save(folder / "deep.jsonl", f"{json.dumps(GOOD)}\n{nested}\n")


def same_names(folder: Path) -> Path:
    """Two of its columns have one name."""
    return _csv(folder / "twice.csv", [["prompt", "completion", "prompt"], ["a", "b", "c"]])


def renamed_sheet(folder: Path) -> Path:
    """A spreadsheet, which is a zip archive, under another ending."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    path = folder / "sheet.csv"
    path.write_bytes(made.getvalue())
    return path


def empty(folder: Path) -> Path:
    """Nothing is in it."""
    return _save(folder / "empty.jsonl", "")


def one_row(folder: Path) -> Path:
    """It can be trained on, but no row can be kept to evaluate with."""
    return _jsonl(folder / "one.jsonl", [GOOD])


def half_characters(folder: Path) -> Path:
    """JSON can write half of a character, and no tokenizer can read it."""
    return _jsonl(folder / "half.jsonl", [GOOD, GOOD | {"completion": "\ud83d"}])


def half_a_name(folder: Path) -> Path:
    """Half of a character stands in the name of a column, where no text is looked for."""
    return _jsonl(folder / "half_name.jsonl", [GOOD | {"note \ud83d": "x"}])


def wide_row(folder: Path) -> Path:
    """Its second row has more columns than a table could."""
    return _jsonl(folder / "wide.jsonl", [GOOD, GOOD | {f"c{n}": "x" for n in range(200_000)}])


def deep_tools(folder: Path) -> Path:
    """Nested so deep that it can just be read, but that no chat template can write it out."""
    nested = '{"a": ' * 900 + "1" + "}" * 900
    return _save(
        folder / "tools.jsonl", f'{{"prompt": "Go.", "completion": "So.", "tools": [{nested}]}}\n'
    )


def late_answers(folder: Path) -> Path:
    """Every answer begins where the max length has long been reached."""
    rows = [{"prompt": f"{n} " * 4000, "completion": "So."} for n in range(3)]
    return _jsonl(folder / "late.jsonl", rows)


AGAIN, SKIP = "make it again", "Skip rows that can't be read"
WORST = [
    Worst("a million columns", million_columns, ("1,000,000 columns",), "Leave only the columns"),
    Worst("one bad line", bad_line, ("Line 5 of bad_line.jsonl", "not JSON"), SKIP),
    Worst(
        "an object among texts", mixed_types, ("'completion' in line 3", "text or a list"), SKIP
    ),
    Worst("a cell of 10 MB", huge_cell, ("line 3", "10 million characters"), SKIP),
    Worst("another encoding", not_utf8, ("latin.csv is not UTF-8",), "Save it as UTF-8"),
    Worst("a lie about its rows", lying_parquet, ("has 900 rows", "500 are in it"), AGAIN),
    Worst("a bomb", bomb, ("more memory",), "unpacks to far more than its size"),
    Worst("cut off", cut_parquet, ("cut.parquet can't be read",), AGAIN),
    Worst("broken pages", broken_pages, ("broken.parquet can't be read",), AGAIN),
    Worst("an open quote", open_quote, ("Line 3 of quote.csv",), "a quote that is never closed"),
    Worst("nested deep", deep, ("Line 2 of deep.jsonl", "too deeply nested"), SKIP),
    Worst("columns of one name", same_names, ("first line of twice.csv", "twice"), "the header"),
    Worst("a renamed spreadsheet", renamed_sheet, ("sheet.csv", "a spreadsheet"), "Save it as csv"),
    Worst("empty", empty, ("empty.jsonl is empty",), "Choose a file with rows"),
    Worst("half a character", half_characters, ("line 2", "half a character"), SKIP),
    Worst("half a name", half_a_name, ("Line 1 of half_name.jsonl", "name"), "a short name"),
    Worst("a wide row", wide_row, ("Line 2 of wide.jsonl", "columns"), "Leave only the columns"),
    Worst("deep tools", deep_tools, ("line 1", "too deeply nested"), SKIP),
    Worst(
        "answers beyond the max length", late_answers, ("In 3 of 3 rows", "line 1, line 2, line 3"),
        "Raise “Maximum length”", field="method.max_length",
    ),
    Worst(
        "one row", one_row, ("too few rows to hold any out", "nothing is evaluated"),
        "add rows", field=None,
    ),
]  # fmt: skip


def _save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _jsonl(path: Path, rows: Iterable[Any]) -> Path:
    return _save(path, "".join(json.dumps(row) + "\n" for row in rows))


def _csv(path: Path, rows: Iterable[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _parquet(path: Path, rows: list[dict[str, str]]) -> Path:
    return _table(path, pa.Table.from_pylist(rows))


def _table(path: Path, table: pa.Table) -> Path:
    # Without Arrow's own types, readers unpack what is written only once.
    pq.write_table(table, path, compression="zstd", store_schema=False)
    return path


def _thrift(number: int) -> bytes:
    """How a parquet footer writes a field with a number of two bytes, doubled for its sign."""
    high, low = divmod(2 * number, 128)
    return bytes((0x16, low | 128, high))
