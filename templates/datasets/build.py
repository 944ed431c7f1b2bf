"""Write train.jsonl and test.jsonl of each built-in dataset. Same sources, same bytes.

python -m templates.datasets.build [OUT_DIR]
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from templates.datasets.facts import Fact, as_json, ask
from templates.datasets.word_problems import Problem, draw_problems
from templates.datasets.worse_answers import worse_answer

HERE = Path(__file__).parent
# One for all: what facts_to_json holds out, the other facts hold out as well.
SEED = 7

Row = dict[str, Any]
Splits = dict[str, list[Row]]


def facts_to_json(rng: Random) -> Splits:
    """Questions, each answered with one line of JSON."""
    train, test = ask(rng)
    return {
        "train": [_conversation(fact) for fact in train[:320]],
        "test": [_conversation(fact) for fact in test[:64]],
    }


def facts_pairs(rng: Random) -> Splits:
    """Questions, each with that line and a worse answer."""
    return {
        split: [_pair(fact, rng) for fact in facts] for split, facts in _other_facts(rng).items()
    }


def facts_rated(rng: Random) -> Splits:
    """Questions, each with that line or a worse answer, and which of them it is."""
    return {split: _rated(facts, rng) for split, facts in _other_facts(rng).items()}


def sums(rng: Random) -> Splits:
    """Word problems, each with the number that answers it."""
    problems = [_problem(problem) for problem in draw_problems(256 + 64, rng)]
    return {"train": problems[:256], "test": problems[256:]}


BUILDERS: dict[str, Callable[[Random], Splits]] = {
    "facts_to_json": facts_to_json,
    "facts_pairs": facts_pairs,
    "facts_rated": facts_rated,
    "sums": sums,
}


def _other_facts(rng: Random) -> dict[str, list[Fact]]:
    """Facts from the end of the list: facts_to_json trains on those at its beginning."""
    train, test = ask(rng)
    return {"train": train[-256:], "test": test[-48:]}


def _conversation(fact: Fact) -> Row:
    return {"messages": [_user(fact.question), _assistant(as_json(fact.answer))]}


def _pair(fact: Fact, rng: Random) -> Row:
    return {
        "prompt": [_user(fact.question)],
        "chosen": [_assistant(as_json(fact.answer))],
        "rejected": [_assistant(worse_answer(fact, rng))],
    }


def _rated(facts: list[Fact], rng: Random) -> list[Row]:
    half = len(facts) // 2
    labels = [True] * half + [False] * (len(facts) - half)
    rng.shuffle(labels)
    return [
        {
            "prompt": [_user(fact.question)],
            "completion": [_assistant(as_json(fact.answer) if good else worse_answer(fact, rng))],
            "label": good,
        }
        for fact, good in zip(facts, labels, strict=True)
    ]


def _problem(problem: Problem) -> Row:
    return {"prompt": [_user(problem.question)], "answer": str(problem.answer)}


def _user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def _assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, builder in BUILDERS.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        splits = builder(Random(SEED))  # noqa: S311 (rows that are always the same, not a secret)
        for split, rows in splits.items():
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            file = out / name / f"{split}.jsonl"
            file.write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
