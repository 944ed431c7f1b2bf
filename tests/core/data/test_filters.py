"""Which rows the filters leave."""

from collections import Counter
from typing import Any

import pytest

from core.config.data import FiltersSection
from core.data.filters import check_filters, wanted
from core.data.row import Row
from core.errors import UserError


def left(values: list[dict[str, Any]], **filters: Any) -> list[int]:
    """The places of the rows that are left."""
    rows = (Row(str(place), row) for place, row in enumerate(values))
    dropped: Counter[str] = Counter()
    found = [int(row.place) for row in wanted(rows, FiltersSection(**filters), dropped=dropped)]
    # The rest is counted, by the filters that are set.
    assert len(found) + dropped.total() == len(values)
    assert dropped.keys() <= {f"filters.{name}" for name in filters}
    return found


def test_without_filters_all_rows_are_left() -> None:
    assert left([{"a": ""}, {"a": ""}, {}]) == [0, 1, 2]


def test_rows_are_dropped_where_a_column_is_true() -> None:
    values = [True, 1, "true", " Yes ", "1", False, 0, "no", "", None, "truth"]
    rows = [{"bad": value} for value in values]
    assert left(rows, drop_where="bad") == [5, 6, 7, 8, 9, 10]
    assert left([{"other": 1}], drop_where="bad") == [0]


def test_rows_are_dropped_where_a_column_is_empty() -> None:
    values: list[Any] = [None, "", " \n", [], {}, 0, False, "x", [0]]
    rows = [{"answer": value} for value in values]
    assert left(rows, drop_empty="answer") == [5, 6, 7, 8]
    # A row without the column has nothing in it either.
    assert left([{"other": 1}], drop_empty="answer") == []


def test_of_equal_rows_the_first_is_left() -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": [2]},
        {"b": [2], "a": 1},
        {"a": 1, "b": [3]},
        {"a": "1", "b": [2]},
    ]
    assert left(rows, drop_duplicates=True) == [0, 2, 3]
    assert left([{"a": "\ud83d"}] * 2, drop_duplicates=True) == [0]


def test_rows_that_can_not_be_read_are_not_hidden() -> None:
    broken = Row("7", {}, fault=UserError("Line 7 is not JSON."))
    filters = FiltersSection(drop_empty="answer", drop_duplicates=True)
    rows = list(wanted(iter([broken, broken]), filters, dropped=Counter()))
    assert rows == [broken, broken]


@pytest.mark.parametrize("setting", ["drop_where", "drop_empty"])
def test_a_filter_names_a_column_that_is_there(setting: str) -> None:
    filters = FiltersSection.model_validate({setting: "answr"})
    check_filters(filters, columns=["answr"])
    with pytest.raises(UserError, match="no column 'answr'") as caught:
        check_filters(filters, columns=["answer"])
    assert caught.value.field == f"filters.{setting}"
