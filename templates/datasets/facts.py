"""Questions about the rows of the tables beside this file, and what answers them."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

TABLES = Path(__file__).parent / "tables"

Answer = dict[str, str | int]

# How a name stands in a sentence, where that is not as it is.
SAID = {"Philippines": "the Philippines"}
# Table → what is asked for → ways to ask. The last way of each is kept for the held-out questions.
# None of them says how to answer: that is what is to be learned.
QUESTIONS = {
    "countries": {
        "capital": [
            "What is the capital of {}?",
            "Which city is the capital of {}?",
            "Name the capital city of {}.",
            "Which city does {} have as its capital?",
        ],
        "continent": [
            "On which continent is {}?",
            "Where in the world is {}?",
            "Which continent does {} belong to?",
        ],
        "currency": [
            "What is the currency of {}?",
            "What money do people use in {}?",
            "How do you pay in {}?",
        ],
        "language": [
            "What language is spoken in {}?",
            "What is the main language of {}?",
            "Which language do people speak in {}?",
        ],
        "capital continent": [
            "Tell me about {}.",
            "What should I know about {}?",
            "Give me a short overview of {}.",
        ],
    },
    "elements": {
        "symbol": [
            "What is the chemical symbol for {}?",
            "How is {} written in chemistry?",
            "What is the symbol of {}?",
        ],
        "number": [
            "What is the atomic number of {}?",
            "How many protons does {} have?",
            "Which number does {} have in the periodic table?",
        ],
        "state": [
            "Is {} a solid, a liquid or a gas?",
            "In what state is {} at room temperature?",
            "What form does {} take in a warm room?",
        ],
        "symbol number": [
            "Tell me about the element {}.",
            "What do you know about {}?",
            "Describe the element {}.",
        ],
    },
    "units": {
        "unit": [
            "What is {} measured in?",
            "What is the SI unit of {}?",
            "In which unit do we measure {}?",
        ],
        "unit symbol": [
            "Which unit and symbol are used for {}?",
            "Give me the unit of {} and its symbol.",
            "Which unit and which symbol belong to {}?",
        ],
    },
    "planets": {
        "position": [
            "Which planet from the Sun is {}?",
            "What place does {} have, counted from the Sun?",
            "How many planets from the Sun is {}?",
        ],
        "kind": [
            "What kind of planet is {}?",
            "What sort of world is {}?",
            "Which kind of planet is {}?",
        ],
    },
    "animals": {
        "class": [
            "What class of animal is the {}?",
            "What kind of animal is the {}?",
            "How do biologists classify the {}?",
        ],
        "baby": [
            "What is a baby {} called?",
            "What do you call a baby {}?",
            "What is the name for a baby {}?",
        ],
    },
    "books": {
        "author": [
            "Who wrote {}?",
            "Who is the author of {}?",
            "Whose book is {}?",
        ],
        "year": [
            "When was {} published?",
            "In which year did {} come out?",
            "What year is the book {} from?",
        ],
        "author year": [
            "Tell me about the book {}.",
            "What do you know about the book {}?",
            "Describe the book {}.",
        ],
    },
    "shapes": {
        "sides": [
            "How many sides does a {} have?",
            "Count the sides of a {}.",
            "What is the number of sides of a {}?",
        ],
    },
}


@dataclass(frozen=True)
class Fact:
    """A question about one row of a table; `wanted` are the columns that answer it."""

    table: str
    wanted: str
    question: str
    answer: Answer


def ask(rng: Random) -> tuple[list[Fact], list[Fact]]:
    """Return what to train on and what to hold out: no entity of a table is in both.

    The same `rng` holds out the same entities.
    """
    train: list[Fact] = []
    test: list[Fact] = []
    for table in QUESTIONS:
        rows = _rows(table)
        rng.shuffle(rows)
        held_out = len(rows) // 6
        test.extend(_ask(rows[:held_out], table=table, rng=rng, first_way=-2))
        train.extend(_ask(rows[held_out:], table=table, rng=rng, last_way=-1))
    rng.shuffle(train)
    rng.shuffle(test)
    return train, test


def values(table: str, column: str) -> list[str | int]:
    """What a column of a table holds, row by row."""
    return [_value(row[column]) for row in _rows(table) if row[column]]


def as_json(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _rows(table: str) -> list[dict[str, str]]:
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _ask(
    rows: Sequence[dict[str, str]],
    *,
    table: str,
    rng: Random,
    first_way: int | None = None,
    last_way: int | None = None,
) -> Iterator[Fact]:
    for row in rows:
        name = next(iter(row))
        for wanted, ways in QUESTIONS[table].items():
            columns = wanted.split()
            # An empty cell: there is no single undisputed answer.
            if all(row[column] for column in columns):
                question = _asked(rng.choice(ways[first_way:last_way]), of=row[name])
                answer = {column: _value(row[column]) for column in [name, *columns]}
                yield Fact(table, wanted, question, answer)


def _asked(way: str, *, of: str) -> str:
    """The question with its articles."""
    return way.replace("a {}", "an {}" if of[0] in "aeiou" else "a {}").format(SAID.get(of, of))


def _value(cell: str) -> str | int:
    return int(cell) if cell.isdigit() else cell
