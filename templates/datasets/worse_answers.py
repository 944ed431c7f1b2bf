"""Answers that are worse than one line of right JSON, each in one way."""

from collections.abc import Callable
from random import Random

from templates.datasets.facts import Fact, as_json, values

# Table → what is asked for → the answer as a chat model would give it.
SENTENCES = {
    "countries": {
        "capital": "The capital of {country} is {capital}.",
        "continent": "{country} lies in {continent}.",
        "currency": "The currency of {country} is the {currency}.",
        "language": "The language of public life in {country} is {language}.",
        "capital continent": "{country} is a country in {continent}, and its capital is {capital}.",
    },
    "elements": {
        "symbol": "Chemists write {element} as {symbol}.",
        "number": "The atomic number of {element} is {number}.",
        "state": "At room temperature {element} is a {state}.",
        "symbol number": (
            "The element {element} has the symbol {symbol} and the atomic number {number}."
        ),
    },
    "units": {
        "unit": "The SI unit of {quantity} is the {unit}.",
        "unit symbol": "The SI unit of {quantity} is the {unit}, and its symbol is {symbol}.",
    },
    "planets": {
        "position": "Counted from the Sun, {planet} is planet number {position}.",
        "kind": 'There are several kinds of planets, and {planet} is of the kind "{kind}".',
    },
    "animals": {
        "class": 'Biologists sort animals into groups, and the {animal} belongs under "{class}".',
        "baby": 'The usual name for a baby {animal} is "{baby}".',
    },
    "books": {
        "author": "{book} was written by {author}.",
        "year": "{book} was first published in {year}.",
        "author year": "{book} is a book by {author} that came out in {year}.",
    },
    "shapes": {
        "sides": "If you count the sides of a {shape}, you get {sides}.",
    },
}
WORDY = [
    "That is a good question! {} I hope that helps.",
    "Sure, I am happy to help with that. {} Let me know if you would like to hear more.",
    "{} There is much more to say about this, so feel free to ask.",
    "Thank you for asking. {} Many people learn this at school and forget it later.",
    "Let me think about that for a moment. {} Is there anything else you want to know?",
]
FENCED = [
    "```json\n{}\n```",
    "```\n{}\n```",
    "Here is the answer as JSON:\n\n```json\n{}\n```",
    "```json\n{}\n```\n\nLet me know if you need another format.",
]
OTHER_KEYS = {
    "country": "nation",
    "capital": "capital_city",
    "continent": "region",
    "currency": "money",
    "language": "spoken",
    "element": "substance",
    "symbol": "abbreviation",
    "number": "protons",
    "state": "phase",
    "quantity": "measure",
    "unit": "measured_in",
    "planet": "world",
    "position": "place",
    "kind": "type",
    "animal": "species",
    "class": "group",
    "baby": "young",
    "book": "title",
    "author": "writer",
    "year": "published",
    "shape": "figure",
    "sides": "edges",
}
# Where another row's value may be right as well: a young dog is a pup, too.
ARGUABLE = ("baby", "currency", "kind", "language")

Way = Callable[[Fact, Random], str]


def worse_answer(fact: Fact, rng: Random) -> str:
    """An answer to the fact's question that is wordy, fenced, or has a wrong key or value."""
    ways: list[Way] = [_in_prose, _in_a_fence, _with_a_wrong_key]
    if _checkable(fact):
        ways.append(_with_a_wrong_value)
    return rng.choice(ways)(fact, rng)


def _in_prose(fact: Fact, rng: Random) -> str:
    sentence = SENTENCES[fact.table][fact.wanted].format(**fact.answer)
    return rng.choice(WORDY).format(sentence)


def _in_a_fence(fact: Fact, rng: Random) -> str:
    return rng.choice(FENCED).format(as_json(fact.answer))


def _with_a_wrong_key(fact: Fact, rng: Random) -> str:
    wrong = rng.choice(list(fact.answer))
    return as_json(
        {OTHER_KEYS[key] if key == wrong else key: value for key, value in fact.answer.items()}
    )


def _with_a_wrong_value(fact: Fact, rng: Random) -> str:
    column = rng.choice(_checkable(fact))
    others = [value for value in values(fact.table, column) if value != fact.answer[column]]
    return as_json(fact.answer | {column: rng.choice(others)})


def _checkable(fact: Fact) -> list[str]:
    return [column for column in fact.wanted.split() if column not in ARGUABLE]
