"""The built-in datasets: what their rows are, and that they can be built again."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.builtin.datasets import builtin_dataset_files, builtin_datasets_for
from core.config.builtin_names import BUILTIN_DATASETS
from core.config.data import ColumnsSection
from core.config.methods import METHODS
from core.config.options import DatasetFormat
from core.data.files import read_rows
from core.data.formats import to_example
from core.data.mapping import find_mapping
from core.errors import UserError
from core.machine.source_tree import ROOT

ROWS = {
    "facts_to_json": (320, 64),
    "facts_pairs": (256, 48),
    "facts_rated": (256, 48),
    "sums": (256, 64),
}
# The format of each, and what a run names to get it: an answer alone could be what to learn.
FORMATS = {
    "facts_to_json": (DatasetFormat.MESSAGES, DatasetFormat.AUTO),
    "facts_pairs": (DatasetFormat.PREFERENCE, DatasetFormat.AUTO),
    "facts_rated": (DatasetFormat.UNPAIRED_PREFERENCE, DatasetFormat.AUTO),
    "sums": (DatasetFormat.PROMPT_ONLY, DatasetFormat.PROMPT_ONLY),
}
FACTS = [name for name in BUILTIN_DATASETS if name.startswith("facts_")]
# What each story asks for, told by its last words, out of the numbers in it.
STORIES: dict[str, Callable[..., float]] = {
    r"more from \w+\. How many \w+ does \w+ have now": lambda a, b: a + b,
    "How many children sing in it": lambda a, b: a + b,
    "How many biscuits are left": lambda a, b: a - b,
    "How many years older is": lambda a, b: a - b,
    "How many more photos fit": lambda a, b: a - b,
    r"How many \w+ do \d+ full boxes hold": lambda a, b: a * b,
    r"How many pages does \w+ read in": lambda a, b: a * b,
    "does each child get": lambda a, b: a / b,
    "How many pieces are there": lambda a, b: a / b,
    r"How many dollars does \w+ get back": lambda a, b, c: c - a * b,
    "How many people are on the bus now": lambda a, b, c: a - b + c,
    "do they have together": lambda a, b: a * (b + 1),
    "How many carrots are left": lambda a, b, c: a * b - c,
    "all the way around it": lambda a, b: a + a + b + b,
    "How many wheels do they have in all": lambda a, b: a * 2 + b * 3,
}

Row = dict[str, Any]


def read(name: str, split: str) -> list[Row]:
    lines = builtin_dataset_files(name)[split].read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_both(name: str) -> list[Row]:
    return read(name, "train") + read(name, "test")


def content(row: Row, part: str) -> str:
    (message,) = row[part]
    assert message["role"] == ("user" if part == "prompt" else "assistant")
    return str(message["content"])


def question(row: Row) -> str:
    return content({"prompt": row["messages"][:1]} if "messages" in row else row, "prompt")


def conversations(split: str) -> list[tuple[str, str]]:
    """The questions of facts_to_json with their answers."""
    rows = [row["messages"] for row in read("facts_to_json", split)]
    assert all([turn["role"] for turn in turns] == ["user", "assistant"] for turns in rows)
    return [(asked["content"], answered["content"]) for asked, answered in rows]


def subject(answer: str) -> tuple[str, Any]:
    """What an answer is about, as its first key and value."""
    answers: Row = json.loads(answer)
    return next(iter(answers.items()))


def is_json_line(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict) and len(text.splitlines()) == 1
    except ValueError:
        return False


@pytest.mark.process
def test_the_datasets_are_what_their_generator_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "templates.datasets.build", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
    for name in BUILTIN_DATASETS:
        for split, file in builtin_dataset_files(name).items():
            assert (tmp_path / name / f"{split}.jsonl").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", BUILTIN_DATASETS)
def test_a_dataset_has_enough_to_train_and_to_measure(name: str) -> None:
    assert (len(read(name, "train")), len(read(name, "test"))) == ROWS[name]


@pytest.mark.parametrize("name", BUILTIN_DATASETS)
def test_a_dataset_says_what_it_is_and_shows_a_row(name: str) -> None:
    file = builtin_dataset_files(name)["train"]
    card = file.with_name("README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    if name != "facts_to_json":
        assert any(f"    {line}\n" in card for line in file.read_text("utf-8").splitlines())
    for split, count in zip(("train", "test"), ROWS[name], strict=True):
        assert f"| `{split}.jsonl` | {count} |" in card


@pytest.mark.parametrize("name", BUILTIN_DATASETS)
def test_nothing_is_asked_twice(name: str) -> None:
    questions = [question(row) for row in read_both(name)]
    assert len(set(questions)) == len(questions)


@pytest.mark.parametrize("name", BUILTIN_DATASETS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_row_becomes_an_example_of_its_shape(name: str, split: str) -> None:
    rows = list(read_rows(builtin_dataset_files(name)[split]))
    format, named = FORMATS[name]
    mapping = find_mapping(
        named, ColumnsSection(),
        columns=list(rows[0].values), rows=[row.values for row in rows],
    )  # fmt: skip
    assert (mapping.format, mapping.sure) == (format, True)
    # They are in that format already.
    assert [to_example(row, mapping) for row in rows] == read(name, split)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_answer_is_one_line_of_json_that_nobody_asked_for(split: str) -> None:
    for asked, answer in conversations(split):
        assert is_json_line(answer)
        assert "json" not in asked.lower()


@pytest.mark.parametrize("name", FACTS)
def test_what_facts_hold_out_no_facts_train_on(name: str) -> None:
    """A model may learn from one of them, and then from another."""
    trained = {subject(answer) for _, answer in conversations("train")}
    trained |= {subject(content(row, "chosen")) for row in read("facts_pairs", "train")}
    answers = {
        "facts_to_json": lambda: [answer for _, answer in conversations("test")],
        "facts_pairs": lambda: [content(row, "chosen") for row in read(name, "test")],
        "facts_rated": lambda: [
            content(row, "completion") for row in read(name, "test") if row["label"]
        ],
    }
    assert trained.isdisjoint(subject(answer) for answer in answers[name]())


def test_pairs_and_ratings_ask_what_the_conversations_do_not() -> None:
    asked = {question(row) for row in read("facts_to_json", "train")}
    for split in ("train", "test"):
        pairs = [question(row) for row in read("facts_pairs", split)]
        assert pairs == [question(row) for row in read("facts_rated", split)]
        assert asked.isdisjoint(pairs)


def test_the_better_answer_is_one_line_of_json_and_the_worse_one_another() -> None:
    kinds: dict[str, int] = {}
    for row in read_both("facts_pairs"):
        chosen, rejected = content(row, "chosen"), content(row, "rejected")
        assert is_json_line(chosen)
        kind = what_is_worse(json.loads(chosen), rejected)
        kinds[kind] = kinds.get(kind, 0) + 1
    assert set(kinds) == {"prose", "fence", "key", "value"}
    assert min(kinds.values()) >= 0.15 * sum(kinds.values())


def what_is_worse(right: Row, answer: str) -> str:
    if not is_json_line(answer):
        if fenced := re.search(r"```(?:json)?\n(.+)\n```", answer):
            assert json.loads(fenced[1]) == right
            return "fence"
        assert all(str(value) in answer for value in right.values())
        return "prose"
    given = json.loads(answer)
    if list(given) != list(right):
        assert list(given.values()) == list(right.values())
        return "key"
    assert sum(given[key] != value for key, value in right.items()) == 1
    assert subject(answer) == next(iter(right.items()))
    return "value"


@pytest.mark.parametrize("split", ["train", "test"])
def test_half_of_the_ratings_are_good(split: str) -> None:
    rows = read("facts_rated", split)
    assert {type(row["label"]) for row in rows} == {bool}
    assert 0.4 <= sum(row["label"] for row in rows) / len(rows) <= 0.6


def test_an_answer_is_rated_good_where_it_is_the_right_line() -> None:
    right = {question(row): content(row, "chosen") for row in read_both("facts_pairs")}
    for row in read_both("facts_rated"):
        completion = content(row, "completion")
        assert row["label"] == (completion == right[question(row)])
        if not row["label"]:
            what_is_worse(json.loads(right[question(row)]), completion)


def test_sums_come_to_what_their_words_say() -> None:
    told = set()
    for row in read_both("sums"):
        words = question(row)
        (story,) = (ending for ending in STORIES if re.search(ending, words))
        numbers = [int(number) for number in re.findall(r"\d+", words)]
        assert STORIES[story](*numbers) == int(row["answer"]) > 0
        assert row["answer"].isdigit()
        told.add(story)
    assert told == set(STORIES)


def test_no_story_is_told_twice_with_the_same_numbers() -> None:
    # Without names and things: with others it would be the same sum.
    told = [re.sub(r"\b[A-Z][a-z]+\b", "", question(row)) for row in read_both("sums")]
    things = "beads|buttons|cards|coins|marbles|pencils|shells|stamps"
    told = [re.sub(things, "", words) for words in told]
    assert len(set(told)) == len(told)


def test_an_unknown_dataset_is_named_and_the_known_ones_listed() -> None:
    with pytest.raises(UserError, match="'poems'") as raised:
        builtin_dataset_files("poems")
    assert raised.value.field == "dataset.builtin"
    assert all(name in raised.value.hint for name in BUILTIN_DATASETS)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_has_built_in_data_that_it_can_learn_from(method: str) -> None:
    offered = builtin_datasets_for(method)
    assert offered
    assert {FORMATS[name][0] for name in offered} <= set(METHODS[method].formats)
