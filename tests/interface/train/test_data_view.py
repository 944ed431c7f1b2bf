"""What is said of the rows of a look."""

import re

import pytest

from core.config.options import DatasetFormat
from core.data.preview import Preview, Statistics
from interface.train import data_view

HELD_OUT = {"holds_out": True, "evaluation_rows": 3}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"used_rows": 27, "trained_rows": 27, **HELD_OUT},
         "Of 30 rows, 27 to train on, 3 held out to evaluate with."),
        ({"used_rows": 20, "trained_rows": 40, **HELD_OUT},
         "Of 30 rows, 20 to train on, 40 times in all, 3 held out to evaluate with, 7 left out."),
        ({"used_rows": 30, "trained_rows": 30, "evaluation_rows": 1},
         "Of 30 rows, 30 to train on. 1 other row to evaluate with."),
        ({"evaluation_rows": 64}, "text = text. 64 other rows to evaluate with."),
        ({}, "text = text."),
    ],
)  # fmt: skip
def test_what_becomes_of_the_rows_adds_up(known: dict[str, int], words: str) -> None:
    preview = Preview(
        format=DatasetFormat.TEXT,
        columns=["text"],
        parts={"text": "text"},
        statistics=Statistics(rows=30, **known),  # type: ignore[arg-type]
    )
    assert text_of(preview).partition("Rows looked at")[0].strip().endswith(words)


def test_what_filters_drop_is_told_though_no_row_is_left() -> None:
    dropped = {"filters.drop_empty": 1200, "filters.max_length": 0}
    preview = Preview(deciding=["weight"], statistics=Statistics(dropped=dropped))
    told = "Dropped so far: 1,200 rows by “Drop rows where this is empty”, 0 rows by “Maximum row "
    assert text_of(preview).startswith(told)
    preview.format, preview.statistics.rows = DatasetFormat.TEXT, 5
    assert "Leaves rows out: weight." in text_of(preview)


def text_of(preview: Preview) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", data_view.figures(preview)).split())
