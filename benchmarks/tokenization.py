"""Making the tokens that training needs, against datasets.map with as many processes as cores."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.big_data import conversations
from benchmarks.home import new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import Spent, spend_and_tell, warm_up

ROWS = 40_000
MAX_RATIO = 1.0
# Two thirds of the work is the same code on both sides, so noise shows: more pairs than elsewhere.
MIN_PAIRS = 5
LIMIT_SECONDS = 1800
RIVAL = "datasets.map"


@dataclass(frozen=True)
class Made:
    """Seconds without the imports, what was made, and what the process cost with them."""

    seconds: float
    tokens: int
    learned: int
    spent: Spent


def measure(*, pairs: int) -> list[Row]:
    warm_up()
    ours, plain, again = [], [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, new_home() as home:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(conversations(ROWS)), encoding="utf-8")
        for number in range(max(pairs, MIN_PAIRS)):
            cache = Path(folder) / str(number)
            ours.append(_run("ours", file, home=home, cache=cache / "ours"))
            again.append(_run("ours", file, home=home, cache=cache / "ours"))
            plain.append(_run("plain", file, home=home, cache=cache / "plain"))
            _check_fair(ours[-1], plain[-1])
    return _rows(ours, plain, again=median(made.seconds for made in again))


def _rows(ours: list[Made], plain: list[Made], *, again: float) -> list[Row]:
    ratios = [mine.seconds / its.seconds for mine, its in zip(ours, plain, strict=True)]
    work = [
        mine.spent.processor / its.spent.processor for mine, its in zip(ours, plain, strict=True)
    ]
    return [
        Row(
            name=f"tokens of {ROWS:,} conversations",
            ours=f"{median(made.seconds for made in ours):.1f} s",
            rival=f"{RIVAL} {median(made.seconds for made in plain):.1f} s",
            figure=f"{median(ratios):.3f}",
            limit=f"≤ {MAX_RATIO}",
            ok=median(ratios) <= MAX_RATIO,
        ),
        Row(name="  its pairs", figure=", ".join(f"{ratio:.3f}" for ratio in ratios)),
        Row(
            name="  its processor time",
            ours=f"{median(made.spent.processor for made in ours):.1f} s",
            rival=f"{RIVAL} {median(made.spent.processor for made in plain):.1f} s",
            figure=f"{median(work):.3f}",
        ),
        Row(
            name="  others on the machine",
            ours=f"{median(made.spent.others for made in ours):.0%}",
            rival=f"{median(made.spent.others for made in plain):.0%}",
            figure="of its processors",
        ),
        Row(name="  the same rows in a second run", ours=f"{again:.1f} s", figure=f"{again:.1f} s"),
    ]


def _run(who: str, file: Path, *, home: Path, cache: Path) -> Made:
    cores = len(os.sched_getaffinity(0))
    command = [f"benchmarks.tokenize_{who}", *map(str, (file, home, cache, cores))]
    spent, told = spend_and_tell(command, home=home, limit=LIMIT_SECONDS)
    return Made(**told, spent=spent)


def _check_fair(ours: Made, plain: Made) -> None:
    """Both must have made the same, or their times can't be compared."""
    for what in ("tokens", "learned"):
        mine, its = getattr(ours, what), getattr(plain, what)
        if mine != its:
            raise BenchmarkFailed(f"{what}: {mine:,} and {its:,}")
