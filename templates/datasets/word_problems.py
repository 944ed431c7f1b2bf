"""Arithmetic word problems whose answer is a whole number."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

NAMES = ["Aisha", "Ben", "Carla", "David", "Emma", "Felix", "Ines", "Jonas", "Lena", "Mia"]
NAMES += ["Noah", "Omar", "Ravi", "Sara", "Tom", "Zoe"]
THINGS = ["beads", "buttons", "cards", "coins", "marbles", "pencils", "shells", "stamps"]

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    question: str
    answer: int


@dataclass(frozen=True)
class Story:
    """A kind of problem: its words, the numbers that suit them, and what they come to."""

    words: str
    numbers: Callable[[Random], Numbers]
    answer: Callable[..., int]


def draw_problems(count: int, rng: Random) -> list[Problem]:
    """The stories in turn; no two problems tell the same story with the same numbers."""
    problems: dict[tuple[Story, Numbers], Problem] = {}
    while len(problems) < count:
        story = STORIES[len(problems) % len(STORIES)]
        numbers = story.numbers(rng)
        if (story, numbers) not in problems:
            problems[story, numbers] = _tell(story, numbers, rng)
    return list(problems.values())


def _tell(story: Story, numbers: Numbers, rng: Random) -> Problem:
    name, other = rng.sample(NAMES, 2)
    question = story.words.format(*numbers, name=name, other=other, things=rng.choice(THINGS))
    return Problem(question, story.answer(*numbers))


def _within(*limits: tuple[int, int]) -> Callable[[Random], Numbers]:
    return lambda rng: tuple(rng.randint(low, high) for low, high in limits)


def _more_and_less(rng: Random) -> Numbers:
    less = rng.randint(2, 12)
    return less + rng.randint(2, 12), less


def _whole_and_parts(rng: Random) -> Numbers:
    parts = rng.randint(2, 9)
    return parts * rng.randint(2, 9), parts


def _count_price_and_paid(rng: Random) -> Numbers:
    count, price = rng.randint(2, 6), rng.randint(2, 9)
    return count, price, next(note for note in (10, 20, 50, 100) if note > count * price)


STORIES = [
    Story(
        "{name} has {0} {things} and gets {1} more from {other}. "
        "How many {things} does {name} have now?",
        _within((2, 20), (2, 20)),
        lambda had, more: had + more,
    ),
    Story(
        "A choir has {0} girls and {1} boys. How many children sing in it?",
        _within((3, 20), (3, 20)),
        lambda girls, boys: girls + boys,
    ),
    Story(
        "{name} bakes {0} biscuits and gives {1} of them away. How many biscuits are left?",
        _more_and_less,
        lambda baked, given: baked - given,
    ),
    Story(
        "{name} is {0} years old and {other} is {1}. How many years older is {name}?",
        _more_and_less,
        lambda older, younger: older - younger,
    ),
    Story(
        "An album has room for {0} photos, and {name} has put in {1}. How many more photos fit?",
        _more_and_less,
        lambda room, used: room - used,
    ),
    Story(
        "A full box holds {0} {things}. How many {things} do {1} full boxes hold?",
        _within((4, 12), (2, 9)),
        lambda held, boxes: held * boxes,
    ),
    Story(
        "{name} reads {0} pages every day. How many pages does {name} read in {1} days?",
        _within((3, 12), (2, 9)),
        lambda pages, days: pages * days,
    ),
    Story(
        "A teacher shares {0} {things} equally among {1} children. "
        "How many {things} does each child get?",
        _whole_and_parts,
        lambda shared, children: shared // children,
    ),
    Story(
        "A rope of {0} metres is cut into pieces of {1} metres each. How many pieces are there?",
        _whole_and_parts,
        lambda rope, piece: rope // piece,
    ),
    Story(
        "{name} buys {0} tickets at {1} dollars each and pays with {2} dollars. "
        "How many dollars does {name} get back?",
        _count_price_and_paid,
        lambda count, price, paid: paid - count * price,
    ),
    Story(
        "There are {0} people on a bus. At the next stop {1} get off and {2} get on. "
        "How many people are on the bus now?",
        _within((10, 30), (2, 9), (2, 9)),
        lambda aboard, off, on: aboard - off + on,
    ),
    Story(
        "{name} has {0} {things}, and {other} has {1} times as many. "
        "How many {things} do they have together?",
        _within((2, 9), (3, 6)),
        lambda fewer, times: fewer + fewer * times,
    ),
    Story(
        "A garden has {0} rows of {1} carrots each. Rabbits eat {2} of the carrots. "
        "How many carrots are left?",
        _within((3, 9), (4, 9), (2, 9)),
        lambda rows, carrots, eaten: rows * carrots - eaten,
    ),
    Story(
        "A yard is {0} metres long and {1} metres wide. "
        "How many metres of fence go all the way around it?",
        _more_and_less,
        lambda length, width: 2 * (length + width),
    ),
    Story(
        "A shop has {0} bicycles and {1} tricycles. How many wheels do they have in all?",
        _within((2, 9), (2, 9)),
        lambda bicycles, tricycles: 2 * bicycles + 3 * tricycles,
    ),
]
