"""What the trainer loads: the rows that the preview says, whatever lies in the token cache."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.data.preview import Preview
from core.data.previewer import Previewer, require
from core.errors import UserError
from core.train.tokens.lost import NO_TOOLS
from tests.core.train.asked import Asked, Tokens, rows

pytestmark = pytest.mark.process

CALLED = {
    "messages": [
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"place": "Oslo"}}}],
        },
        {"role": "assistant", "content": "Yes."},
    ]
}


@pytest.fixture(scope="module")
def previewer() -> Iterator[Previewer]:
    with closing(Previewer()) as opened:
        yield opened


@pytest.fixture
def asked(previewer: Previewer, home: Path, tmp_path: Path) -> Asked:
    return Asked(previewer, home, tmp_path)


def previewed(preview: Preview) -> Counter[Tokens]:
    """How often each shown row is trained on, by what is told of it; or that it is shown."""
    found: Counter[Tokens] = Counter()
    for row in preview.rows:
        (side,) = row.sides
        ids = tuple(token for piece in side.pieces for token in piece.ids)
        found[ids] += not row.use
    return +found


def test_the_same_bytes_under_another_ending_are_other_rows(asked: Asked, tmp_path: Path) -> None:
    read_as = {}
    for name in ("rows.csv", "rows.txt"):
        file = tmp_path / name
        file.write_text("text\nOne\nTwo\n", encoding="utf-8")
        asked.choose(file, method={"assistant_only_loss": False})
        train, _ = asked.loaded()
        read_as[name] = train.total()
    # The first line of a csv names its columns.
    assert read_as == {"rows.csv": 2, "rows.txt": 3}


def test_tokens_that_were_kept_warn_as_they_did_when_they_were_made(asked: Asked) -> None:
    asked.settle([CALLED, CALLED])
    assert NO_TOOLS in asked.look().warnings
    for _ in range(2):
        assert NO_TOOLS in asked.load().warnings
    assert len(list((asked.home / "tokens").iterdir())) == 1


def test_labels_of_one_kind_are_refused_and_few_of_one_are_told(asked: Asked) -> None:
    answers = [{**row, "label": n > 2} for n, row in enumerate(rows(*range(12)))]
    method = {"name": "kto"}
    asked.settle(answers, method=method)
    (told,) = (text for text in asked.look().warnings if "labels are true" in text)
    assert told in asked.load().warnings
    assert asked.load().train["label"] == [row["label"] for row in answers]
    asked.settle(answers[3:], method=method)
    with pytest.raises(UserError, match="All answers are labeled true") as caught:
        asked.load()
    assert caught.value.field == "columns.label"


def test_a_method_that_writes_is_given_prompts_with_the_answers_to_compare_with(
    asked: Asked,
) -> None:
    """Rows of prompts and answers serve as those of prompts with a reference answer do."""
    grpo = {"name": "grpo", "max_length": 300, "max_completion_length": 100}
    told = [*rows(1, 2, 3, answer="{}"), {"prompt": "long" * 60, "completion": "4"}]
    given = [{"prompt": row["prompt"], "answer": row["completion"]} for row in told]
    for made in (told, given):
        asked.settle(made, method=grpo)
        shown, data = asked.look(), asked.load()
        assert data.train.column_names == ["prompt_ids", "answer", "messages"]
        # What a reward model reads by its own tokenizer.
        asking = [json.loads(messages) for messages in data.train["messages"]]
        assert asking == [[{"role": "user", "content": f"{n}?"}] for n in (1, 2, 3)]
        assert [row["answer"] for row in data.train] == ["1", "2", "3"]
        assert [row.answer for row in shown.rows] == ["1", "2", "3"]
        # Just what the trainer gets, and nothing of it is learned.
        assert previewed(shown) == Counter(tuple(ids) for ids in data.train["prompt_ids"])
        assert not any(piece.trained for row in shown.rows for piece in row.sides[0].pieces)
        end = asked.text(data.train[0]["prompt_ids"])
        assert end.endswith("1?<|im_end|>\n<|im_start|>assistant\n")
        (left,) = (text for text in data.warnings if "longer than 200 tokens" in text)
        assert left in shown.warnings


def test_a_reward_that_compares_needs_a_reference_answer(asked: Asked) -> None:
    compares = {"name": "grpo", "rewards": ["exact_match", "length"]}
    prompts = [{"prompt": f"{n}?", "topic": "sums"} for n in range(4)]
    asked.settle(prompts, method=compares, columns={"prompt": "prompt"})
    for refuse in (lambda: asked.load(), lambda: require(asked.look())):
        with pytest.raises(UserError, match="exact_match compares with a reference") as caught:
            refuse()
        assert caught.value.field == "columns.answer"
        assert "topic" in str(caught.value)
    asked.settle(prompts, method=compares | {"rewards": ["length"]}, columns={"prompt": "prompt"})
    assert asked.load().train["answer"] == [""] * 4
    # Some rows without one are told of, for as long as something compares with it.
    answered = [{**row, "answer": "x" if n else ""} for n, row in enumerate(prompts)]
    columns = {"prompt": "prompt", "answer": "answer"}
    for rewards, is_told in ((["exact_match"], True), (["length"], False), (["exact_match"], True)):
        asked.settle(answered, method=compares | {"rewards": rewards}, columns=columns)
        for warnings in (asked.look().warnings, asked.load().warnings):
            assert any("no reference answer" in text for text in warnings) is is_told


def test_an_answer_rated_good_and_bad_is_no_copy_of_itself(asked: Asked) -> None:
    answers = [{**row, "label": label} for row in rows(*range(6)) for label in (True, False)]
    filters = {"drop_duplicates": True}
    asked.settle(answers, answers[:2], method={"name": "kto"}, filters=filters)
    shown = asked.look()
    assert shown.statistics.dropped["filters.drop_duplicates"] == 2
    assert [row.label for row in shown.rows if not row.use] == [True, False] * 6
    assert asked.load().train["label"] == [True, False] * 6


def test_the_answers_to_a_pairs_prompt_are_held_out_together(asked: Asked) -> None:
    pairs = [
        {"prompt": f"{n % 12}?", "chosen": f"It is {n}.", "rejected": "No."} for n in range(16)
    ]
    asked.settle(pairs, method={"name": "kto"}, evaluation={"fraction": 0.25})
    data = asked.load()
    assert data.evaluation is not None
    trained, held = (
        Counter(tuple(row["prompt_ids"]) for row in part) for part in (data.train, data.evaluation)
    )
    assert held.total() == 8
    assert not trained & held
    shown = previewed(asked.look("evaluation"))
    assert shown == Counter((*row["prompt_ids"], *row["completion_ids"]) for row in data.evaluation)


def test_a_reward_model_is_not_shown_half_an_answer(asked: Asked) -> None:
    pairs = [{"prompt": f"{n}?", "chosen": "Yes.", "rejected": "No. " * n} for n in (1, 2, 999)]
    asked.settle(pairs, method={"name": "reward", "max_length": 200})
    (told,) = (text for text in asked.look().warnings if text.startswith("Left out"))
    data = asked.load()
    assert told in data.warnings
    assert len(data.train) == len(asked.look().rows) == 2
    asked.settle(pairs[2:], method={"name": "reward", "max_length": 200})
    with pytest.raises(UserError, match="Every row is longer than 200 tokens") as caught:
        asked.load()
    assert caught.value.field == "method.max_length"


def above(asked: Asked, short: list[dict[str, str]]) -> int:
    """A length in tokens that none of these rows has."""
    asked.settle(short)
    return asked.look().statistics.longest + 1


CASES: dict[str, dict[str, Any]] = {
    "held out": {"evaluation": {"fraction": 0.2}},
    "a sample": {"filters": {"sample": 11}},
    "a sample of which some is held out": {
        "filters": {"sample": 20}, "evaluation": {"fraction": 0.25}, "training": {"seed": 3},
    },
    "few to evaluate with": {"evaluation": {"fraction": 0.4, "max_eval_samples": 3}},
    "no copies": {"filters": {"drop_duplicates": True}, "evaluation": {"fraction": 0.2}},
    "no short rows": {"filters": {"min_length": 100}, "evaluation": {"fraction": 0.2}},
    "named rows": {"evaluate": rows(*range(100, 104))},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_trainer_takes_the_rows_that_the_preview_says(asked: Asked, name: str) -> None:
    # Of several files, the second begins with copies of the first's.
    asked.settle(rows(*range(25)), rows(*range(20, 40), 7), rows(1000), **CASES[name])
    shown = asked.look()
    assert shown.fault is None
    train, evaluation = asked.loaded()
    assert previewed(shown) == train
    assert previewed(asked.look("evaluation")) == evaluation
    statistics = shown.statistics
    assert (statistics.trained_rows, statistics.evaluation_rows) == (
        train.total(),
        evaluation.total(),
    )


def test_the_first_rows_shown_are_of_all_files(asked: Asked) -> None:
    asked.settle(rows(*range(100)), rows(*range(200, 210)), rows(*range(300, 310)))
    places = [row.place for row in asked.look().rows[:4]]
    assert places[:3] == [f"line 1 of {name}" for name in asked.files]
    assert places[3] == "line 2 of 0.jsonl"


def test_rows_that_the_sample_leaves_out_may_be_evaluated(asked: Asked) -> None:
    """An overlap is one only with what is trained on: the trainer judges so, too."""
    same, sampled = rows(*range(40)), {"filters": {"sample": 20}}
    asked.settle(same, evaluate=same[:1], evaluation={}, training={"seed": 1}, **sampled)
    faults = []
    for seed in range(6):
        asked.settle(same, evaluate=same[:1], evaluation={}, training={"seed": seed}, **sampled)
        fault = asked.look().fault
        faults.append(fault is not None)
        if fault is None:
            asked.loaded()
        else:
            with pytest.raises(UserError, match="Also trained on: 1 row") as caught:
                asked.loaded()
            assert caught.value.message == fault.message
    assert len(set(faults)) == 2


def test_one_file_may_be_left_out_whole_by_the_filters(asked: Asked) -> None:
    long, short = rows(*range(20)), rows(*range(20), answer="{}")
    asked.settle(long, short, filters={"min_length": above(asked, short)})
    assert asked.look().fault is None
    train, _ = asked.loaded()
    assert train.total() == 20


@pytest.mark.parametrize("part", ["train", "evaluate"])
def test_something_must_be_left_of_each_part(asked: Asked, part: str) -> None:
    long, short = rows(*range(20)), rows(*range(40, 60), answer="{}")
    first, second = (short, long) if part == "train" else (long, short)
    asked.settle(first, evaluate=second, filters={"min_length": above(asked, short)})
    fault = asked.look().fault
    assert fault is not None
    with pytest.raises(UserError) as caught:
        asked.loaded()
    assert (caught.value.message, caught.value.field) == (fault.message, fault.field)
    assert ("to evaluate with" in fault.message) == (part == "evaluate")
