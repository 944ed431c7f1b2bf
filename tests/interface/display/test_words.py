"""Numbers, times and states as a person reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from core.config.options import DatasetFormat, Optimizer, Schedule
from core.runs.state import RunState
from interface.display import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (1, "1"), (0.5, "0.5"), (2.34567, "2.346"), (12345.6, "12350"),
        (99_999.9, "100000"), (0.0002, "2e-4"), (1.5e-7, "1.5e-7"), (-3e9, "-3e9"),
    ],
)  # fmt: skip
def test_a_number_is_short_at_any_size(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"), (0.4, "0 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"),
        (3600, "1 h 00 min"), (47 * 3600 + 60, "47 h 01 min"), (49 * 3600, "2 d 1 h"),
    ],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2048, "2 KB"), (3 * 1024**2, "3.0 MB"), (2**50, "1024.0 TB")],
)
def test_a_size_has_the_unit_that_fits(value: int, text: str) -> None:
    assert words.size(value) == text


def test_one_is_no_plural() -> None:
    assert [words.counted(number, "row") for number in (0, 1, 2000)] == [
        "0 rows", "1 row", "2,000 rows",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5, seconds=30), "5 min ago"),
        (timedelta(hours=47, minutes=5), "47 h ago"),
        (timedelta(days=3, hours=1), "3 days ago"),
    ],
)
def test_an_age_is_coarse(ago: timedelta, text: str) -> None:
    assert words.age(datetime.now(UTC) - ago) == text


def test_every_state_and_choice_has_words() -> None:
    assert len({words.state(state) for state in RunState}) == len(RunState)
    for kind in (DatasetFormat, Optimizer, Schedule):
        told = [words.choice(member.value) for member in kind]
        assert all(text and "_" not in text for text in told)
        assert len(set(told)) == len(told)
