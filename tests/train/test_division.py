"""Which rows are trained on, and which are kept to evaluate with."""

from collections import Counter

import pytest

from core.config import RunConfig, parse_config
from core.train.division import few_to_evaluate, first_of_each, hold_out, sample, weigh


def settings(**sections: object) -> RunConfig:
    upload = {"source": "upload", "files": ["rows.jsonl"]}
    return parse_config({"dataset": upload, **sections})


def digests(*copies: int) -> list[bytes]:
    """One for each row: so many rows of each content."""
    return [bytes([content]) for content, count in enumerate(copies) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_copies_stay_on_one_side_and_take_no_more_than_the_share(seed: int) -> None:
    marks = digests(*[1] * 20, 80)
    config = settings(training={"seed": seed}, evaluation={"fraction": 0.1})
    trained, held = hold_out(config, list(range(100)), digests=marks)
    assert len(held) == 10
    assert sorted(trained + held) == list(range(100))
    assert not {marks[index] for index in trained} & {marks[index] for index in held}


@pytest.mark.parametrize(
    ("copies", "fraction", "held"), [((50,), 0.1, 0), ((1,), 0.9, 0), ((1, 1), 0.99, 1)]
)
def test_something_is_always_left_to_train_on(
    copies: tuple[int, ...], fraction: float, held: int
) -> None:
    config = settings(evaluation={"fraction": fraction})
    rows = list(range(sum(copies)))
    trained, kept = hold_out(config, rows, digests=digests(*copies))
    assert (len(trained), len(kept)) == (len(rows) - held, held)


def test_no_more_is_held_out_than_is_evaluated() -> None:
    config = settings(evaluation={"fraction": 0.5, "max_rows": 7})
    marks = [str(index).encode() for index in range(100)]
    trained, held = hold_out(config, list(range(100)), digests=marks)
    assert (len(trained), len(held)) == (93, 7)


def test_rows_to_evaluate_are_taken_from_all_of_them() -> None:
    config = settings(evaluation={"max_rows": 50})
    chosen = few_to_evaluate(config, 1000)
    assert len(set(chosen)) == 50
    assert max(chosen) > 500
    assert few_to_evaluate(config, 3) == [0, 1, 2]


def test_each_row_counts_as_often_as_its_source_weighs() -> None:
    config = settings()
    counts = Counter(weigh(config, list(range(30)), lengths=[10, 10, 10], weights=[1, 2.5, 0.5]))
    assert [counts[row] for row in range(10)] == [1] * 10
    assert {counts[row] for row in range(10, 20)} == {2, 3}
    assert sum(counts[row] for row in range(10, 20)) == 25
    assert sum(counts[row] for row in range(20, 30)) == 5


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    config = settings(filters={"sample": 5})
    assert sample(config, list(range(50))) == sample(config, list(range(50)))
    other = settings(filters={"sample": 5}, training={"seed": 7})
    assert sample(other, list(range(50))) != sample(config, list(range(50)))
    assert first_of_each([b"a", b"b", b"a", b"c", b"b"]) == [0, 1, 3]
