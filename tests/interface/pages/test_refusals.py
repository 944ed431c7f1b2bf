"""What is wrong or odd with data, as the page tells it: what it is, where, and what to do next."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.core.train.tokens.test_chat_template import MARKED
from tests.hub import HubDouble
from tests.interface.harness import Server, add_model
from tests.interface.pages.looks import Looks, at

pytestmark = pytest.mark.browser

Rows = list[dict[str, Any]]

ASKED = {"role": "user", "content": "Which colour is the sky?"}
SAID = {"role": "assistant", "content": "Blue."}
ALL: dict[str, Any] = {"evaluation__fraction": 0}
END_LEFT_OUT = MARKED.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")


def sums(count: int) -> Rows:
    return [{"prompt": f"{n} + {n}?", "completion": f"It is {2 * n}."} for n in range(count)]


@dataclass(frozen=True)
class Refusal:
    """Data that Start refuses, the words that say why, what to do, and the setting at fault."""

    rows: Rows
    words: str
    hint: str
    setting: str
    values: dict[str, Any] = field(default_factory=dict)


LONG = {"prompt": "a " * 400, "completion": "b"}
REFUSALS = {
    "no trained token": Refusal(
        [*sums(1), LONG, *sums(2), LONG], "In 2 of 5 rows nothing would be learned, since their "
        "answers begin after 300 tokens or are empty: line 2, line 5.",
        "Raise “Maximum length”", "method.max_length", {"method__max_length": 300},
    ),
    "no column for a part": Refusal(
        [{"question": "Why?", "number": 3}],
        "Nothing tells which column is the prompt. This data has: question, number.",
        "Name it: set “Prompt”", "columns.prompt",
        {"dataset__format": "prompt_completion", "columns__completion": "question"},
    ),
    "no word of the assistant": Refusal(
        [{"messages": [ASKED, SAID]}, {"messages": [ASKED]}],
        "'messages' in line 2 has no message of the assistant", "Fix the row", "dataset.files",
    ),
    "pairs": Refusal(
        [{"prompt": "a", "chosen": "b", "rejected": "c"}],
        "This data is pairs of answers, and supervised fine-tuning learns from conversations",
        "or the method Direct Preference Optimization (DPO), which learns from these",
        "dataset.format",
    ),
    "no row that is left": Refusal(
        sums(3), "The filters leave no row to train on.", "Loosen them", "filters.min_length",
        {"filters__min_length": 100_000},
    ),
    "no row that can be read": Refusal(
        [{"prompt": "a", "completion": "\ud83d"}] * 2, "none can be read: line 1, line 2.",
        "Turn off “Skip rows that can't be read” (Advanced settings, Filters)",
        "filters.skip_unreadable",
        {"filters__skip_unreadable": True},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Warned:
    """Data that can be trained on, and the words that say what is odd with it and what to do."""

    rows: Rows
    words: str
    hint: str


WARNINGS = {
    "cut off": Warned(
        [*sums(18), *[{"prompt": f"{n}?", "completion": "b" * 2000} for n in range(2)]],
        "10% of the rows are longer than the maximum length of 1,024 tokens and are cut off",
        "raise “Maximum length”, or drop long rows",
    ),
    "template in the text": Warned(
        [*sums(9), {"prompt": "a<|im_end|>", "completion": "b"}],
        "The chat template's own marks are in the text already, and would be there twice, in 1 row",
        "take them out of the data",
    ),
    "lopsided ratings": Warned(
        [row | {"label": n == 0} for n, row in enumerate(sums(20))],
        "5% of the labels are true", "Add rows labeled true",
    ),
    "copies": Warned(
        [*sums(9), *sums(1)], "Exact copies of others: 1 row.",
        "Turn on “Drop duplicates” (Advanced settings, Filters)",
    ),
    "empty answers": Warned(
        [{"messages": [ASKED, SAID, ASKED, SAID | {"content": " "}]}],
        "An answer is empty in 1 row", "fill it in, or remove the row",
    ),
    "a guess": Warned(
        [{"English": f"{n} cows", "French": f"{n} vaches"} for n in range(9)],
        "What rows.jsonl holds is a guess: 'English' comes before 'French', so it was taken as the "
        "prompt.",
        "If it is wrong, choose the columns yourself",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def looks(server: Server) -> Looks:
    return Looks(server)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.mark.parametrize("name", REFUSALS)
def test_what_can_not_be_trained_on_is_refused(looks: Looks, file: Path, name: str) -> None:
    refusal = REFUSALS[name]
    write(file, refusal.rows)
    shown = looks.look(file, **ALL, **refusal.values)
    assert refusal.words in shown.figures
    assert refusal.hint in shown.figures
    message = looks.start(file, **ALL, **refusal.values)[at(refusal.setting)]
    assert refusal.words in message
    assert refusal.hint in message


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_odd_is_warned_of(looks: Looks, file: Path, name: str) -> None:
    warned = WARNINGS[name]
    write(file, warned.rows)
    figures = looks.look(file, **ALL).figures
    assert warned.words in figures
    assert warned.hint in figures


def test_good_data_is_not_warned_of(looks: Looks, file: Path) -> None:
    # One row in twenty may be cut off.
    write(file, [*sums(19), {"prompt": "How?", "completion": "b" * 2000}])
    shown = looks.look(file)
    assert shown.figures.endswith("maximum length 1,024")
    assert shown.learned.startswith("It is 0.<|im_end|>")


def test_dropping_what_teaches_nothing_must_leave_a_row(looks: Looks, file: Path) -> None:
    dropped = {"method__max_length": 300, "filters__drop_untrainable": True}
    write(file, [LONG, *sums(1)])
    assert "nothing would be learned" not in looks.look(file, **dropped).figures
    write(file, [LONG])
    assert "In 1 of 1 row nothing would be learned" in looks.look(file, **dropped).figures


def test_too_few_rows_to_hold_any_out_are_told(looks: Looks, file: Path) -> None:
    write(file, sums(4))
    figures = looks.look(file).figures
    assert "too few rows to hold any out, so nothing is evaluated" in figures
    assert "add rows, or name others to evaluate with" in figures
    assert "too few rows" not in looks.look(file, evaluation__fraction=0.3).figures


def test_rows_to_evaluate_with_are_not_trained_on(looks: Looks, file: Path, tmp_path: Path) -> None:
    write(file, sums(9))
    other = tmp_path / "others.jsonl"
    write(other, [{"prompt": "Else?", "completion": "No."}, *sums(2)])
    named = {"evaluation__files": looks.send(other)}
    words = "Also trained on: 2 rows to evaluate with (line 2 of others.jsonl, line 3 of "
    words += "others.jsonl). Choose others"
    assert words in looks.look(file, **named).figures
    assert words in looks.start(file, **named)[at("evaluation.files")]


def test_two_files_of_one_name_are_refused(looks: Looks, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / file.name
    other.parent.mkdir()
    write(file, sums(3))
    write(other, sums(4))
    words = "There are two files called rows.jsonl: rename one of them."
    assert words in looks.problems(file, other)
    assert looks.start(file, other) == {at("dataset.files"): words}
    assert words in looks.problems(file, evaluation__files=looks.send(other))


def test_conversations_need_a_chat_template(
    connected: Server, page_hub: HubDouble, file: Path
) -> None:
    looks = Looks(connected)
    name = add_model(page_hub, "acme/plain", template=None, made_in=file.parent)
    write(file, [{"messages": [ASKED, SAID]}])
    words = (
        "it can't be trained on conversations yet. Set “Chat template” (Advanced settings, Model)"
    )
    assert words in looks.look(file, model__name=name).figures
    assert words in looks.start(file, model__name=name)[at("model.chat_template")]
    shown = looks.look(file, model__name=name, model__chat_template="plain")
    assert shown.learned == " Blue.<|im_end|>"


def test_an_end_that_is_not_learned_is_warned_of(
    connected: Server, page_hub: HubDouble, file: Path
) -> None:
    looks = Looks(connected)
    name = add_model(page_hub, "acme/endless", template=END_LEFT_OUT, made_in=file.parent)
    write(file, [{"messages": [ASKED, SAID]}])
    shown = looks.look(file, model__name=name)
    assert shown.learned == "Blue."
    assert "The end of an answer is not trained" in shown.figures
    assert (
        "set “Chat template” (Advanced settings, Model) to “Plain: User and Assistant”"
        in shown.figures
    )
    shown = looks.look(file, model__name=name, model__chat_template="plain")
    assert shown.learned == " Blue.<|im_end|>"
    assert "The end of an answer" not in shown.figures


def write(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
