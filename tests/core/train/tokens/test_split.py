"""Which rows are trained on, and which are kept to evaluate with."""

from collections import Counter

import numpy as np
import pytest

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.train.tokens.split import (
    divide,
    few_to_evaluate,
    first_of_each,
    hold_out,
    left_out,
    sample,
    weigh,
)


def settings(**sections: object) -> RunConfig:
    upload = {"source": "upload", "files": ["rows.jsonl"]}
    return parse_config({"dataset": upload, **sections})


def digests(*copies: int) -> np.ndarray:
    """One for each row: so many rows of each content."""
    return np.repeat([bytes([65 + content]) for content in range(len(copies))], copies)


@pytest.mark.parametrize("seed", range(5))
def test_copies_stay_on_one_side_and_take_no_more_than_the_share(seed: int) -> None:
    marks = digests(*[1] * 20, 80)
    config = settings(training={"seed": seed}, evaluation={"fraction": 0.1})
    trained, held = hold_out(config, np.arange(100), groups=marks)
    assert len(held) == 10
    assert sorted([*trained, *held]) == list(range(100))
    assert not {*marks[trained]} & {*marks[held]}


@pytest.mark.parametrize(
    ("copies", "fraction", "held"), [((50,), 0.1, 0), ((1,), 0.9, 0), ((1, 1), 0.99, 1)]
)
def test_something_is_always_left_to_train_on(
    copies: tuple[int, ...], fraction: float, held: int
) -> None:
    config = settings(evaluation={"fraction": fraction})
    rows = np.arange(sum(copies))
    trained, kept = hold_out(config, rows, groups=digests(*copies))
    assert (len(trained), len(kept)) == (len(rows) - held, held)


def test_no_more_is_held_out_than_is_evaluated() -> None:
    config = settings(evaluation={"fraction": 0.5, "max_eval_samples": 7})
    marks = np.array([str(index).encode() for index in range(100)])
    trained, held = hold_out(config, np.arange(100), groups=marks)
    assert (len(trained), len(held)) == (93, 7)


def test_rows_to_evaluate_are_taken_from_all_of_them() -> None:
    config = settings(evaluation={"max_eval_samples": 50})
    chosen = few_to_evaluate(config, 1000)
    assert len(set(chosen)) == 50
    assert max(chosen) > 500
    assert few_to_evaluate(config, 3) == [0, 1, 2]


def test_each_row_counts_as_often_as_its_source_weighs() -> None:
    config = settings()
    weighed = weigh(config, np.arange(30), lengths=[10, 10, 10], weights=[1, 2.5, 0.5])
    counts = Counter(weighed.tolist())
    assert [counts[row] for row in range(10)] == [1] * 10
    assert {counts[row] for row in range(10, 20)} == {2, 3}
    assert sum(counts[row] for row in range(10, 20)) == 25
    assert sum(counts[row] for row in range(20, 30)) == 5


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    config = settings(filters={"sample": 5})
    taken = sample(config, np.arange(50)).tolist()
    assert len(set(taken)) == 5
    assert sample(config, np.arange(50)).tolist() == taken
    other = settings(filters={"sample": 5}, training={"seed": 7})
    assert sample(other, np.arange(50)).tolist() != taken


def test_only_the_first_of_rows_that_are_alike_stays() -> None:
    assert first_of_each(np.array([b"a", b"b", b"a", b"c", b"b"])).tolist() == [0, 1, 3]


def test_copies_are_dropped_across_sources_before_anything_is_held_out() -> None:
    config = settings(filters={"drop_duplicates": True}, evaluation={"fraction": 0.5})
    marks = np.array([b"a", b"b", b"c", b"d", b"c", b"d"])
    whole = divide(
        config, digests=marks, groups=marks, lengths=[4, 2], weights=[1, 1], named_evaluation=False
    )
    assert sorted([*whole.train, *whole.held]) == [0, 1, 2, 3]
    assert len(whole.held) == 2
    assert left_out(whole, names=["one", "two"], lengths=[4, 2]) == [
        "No row of two is trained on: give it a larger weight, or take a larger sample."
    ]


def test_nothing_is_held_out_where_rows_are_named_to_evaluate_with() -> None:
    marks = digests(*[1] * 20)
    made = divide(
        settings(), digests=marks, groups=marks, lengths=[20], weights=[1], named_evaluation=True
    )
    assert made.train.tolist() == list(range(20))
    assert len(made.held) == 0
