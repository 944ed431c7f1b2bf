"""Rewards tried on a few answers: their scores, and what is odd about them."""

import time

import pytest
from pydantic import TypeAdapter

from core.config.rewards import AnyReward
from core.config.rewards.trial import NONSENSE, NOTHING, REFERENCE, Trial, nonsense, try_rewards

ALIKE, LENGTH = "all score alike", "Only the length counts"
SILENT, UNSCORED, EMPTY = "never fires", "without a reference", "Saying nothing"


def trial(lines: list[str], answers: list[str], reference: str = "25") -> Trial:
    rewards = TypeAdapter(list[AnyReward]).validate_python(lines)
    return try_rewards(rewards, answers=answers, reference=reference)


def test_each_answer_stands_beside_what_each_reward_gives_it() -> None:
    found = trial(["numeric_match weight=2", "length max=2 weight=0.5"], ["It is 25.", "26"])
    assert found.rewards == ["numeric_match", "length"]
    assert [(each.name, each.scores, each.total) for each in found.tried] == [
        ("Answer 1", [1, 0.5], 2.25),
        ("Answer 2", [0, 1], 0.5),
        (REFERENCE, [1, 1], 2.5),
        (NOTHING, [0, 0], 0),
        (NONSENSE, [0, 0.5], 0.25),
    ]
    assert found.warnings == []
    unknown = trial(["exact_match", "length"], ["x"], reference="")
    assert [each.scores[0] for each in unknown.tried] == [None] * 3
    assert unknown.tried[0].total == 1


@pytest.mark.parametrize(
    ("lines", "answers", "reference", "told"),
    [
        (["length max=3"], ["a b", "one two three four five"], "25", [LENGTH]),
        (["length", "repetition"], ["a b c"], "", [LENGTH]),
        (["exact_match", "length"], ["Rome", "Oslo"], "Paris", [ALIKE]),
        (["exact_match", "regex pattern=<b>"], ["Rome"], "Paris", [SILENT]),
        (["exact_match", "length"], ["Rome", "Rome and Oslo"], "", [UNSCORED, ALIKE, LENGTH]),
        (["repetition ngram=1"], ["no no", "no no no"], "", [EMPTY]),
        (["numeric_match"], ["25", "26"], "25", []),
        # The reference answer by itself tells of rewards that it does not earn.
        (["tags"], [], "25", [SILENT, LENGTH, EMPTY]),
    ],
)
def test_rewards_that_teach_nothing_or_the_length_alone_are_told(
    lines: list[str], answers: list[str], reference: str, told: list[str]
) -> None:
    warnings = trial(lines, answers, reference).warnings
    assert len(warnings) == len(told), warnings
    assert all(any(each in text for text in warnings) for each in told), warnings


def test_a_reward_model_scores_in_training_alone_and_nothing_is_said_of_the_sums() -> None:
    found = trial(["model id=acme/rm", "tags"], ["x", "y"])
    assert [each.scores[0] for each in found.tried] == [None] * 5
    silent, told = found.warnings
    assert SILENT in silent
    assert "model: a model scores in training alone" in told


def test_a_reward_that_takes_long_leaves_the_others_their_time() -> None:
    rewards = TypeAdapter(list[AnyReward]).validate_python(["regex pattern='(a|aa)+$'", "length"])
    began = time.monotonic()
    answers = ["a" * 80 + "b"] * 20
    found = try_rewards(rewards, answers=answers, reference="25", seconds=0.1)
    assert time.monotonic() - began < 5
    # The first is begun, and the last not; each answer has its other score.
    assert (found.tried[0].scores, found.tried[-1].scores[0]) == ([0, 1], None)
    assert all(each.scores[1] is not None for each in found.tried)
    (told,) = found.warnings
    assert told.startswith("regex: this takes too long")


def test_nonsense_has_as_many_words_as_asked_for_and_no_word_twice() -> None:
    words = nonsense(500).split()
    assert len(words) == len(set(words)) == 500
    assert nonsense(0) == ""
