"""The preview shows what is trained: its tokens and marks are those of the trainer's batches."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trl
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.data.preview import Preview, Question
from core.data.previewer import Previewer
from core.runs.store import RunStore
from core.train.methods.experimental import ORPOConfig, ORPOTrainer
from core.train.session import prepare
from tests.core.train.families import FAMILIES
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.process

ASKED = {"role": "user", "content": "Which colour is the sky?"}
SAID = {"role": "assistant", "content": "Blue, or grey: naïve 🙂"}
AGAIN = [{"role": "user", "content": "And the sea?"}, {"role": "assistant", "content": "Green."}]
WORSE = {"role": "assistant", "content": "No idea, and it is long to say why."}
SYSTEM = {"role": "system", "content": "Be short."}
FORMATS: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"messages": [ASKED, SAID]},
        {"messages": [SYSTEM, ASKED, SAID, *AGAIN]},
        {"messages": [ASKED, SAID, *AGAIN] * 6},
    ],
    "prompt_completion": [
        {"prompt": "2 + 2?", "completion": "4"},
        {"prompt": "Say it.", "completion": "So be it. " * 60},
    ],
    "reasoning": [
        {"question": "2 + 2?", "reasoning": "Two and two.", "answer": "4"},
        {"question": "3 + 3?", "reasoning": "", "answer": "6"},
    ],
    "text": [{"text": "All work and no play."}, {"text": "Once upon a time. " * 40}],
}
PAIRS = [
    {"prompt": [ASKED], "chosen": [SAID], "rejected": [WORSE]},
    {"prompt": [SYSTEM, ASKED], "chosen": [WORSE], "rejected": [SAID]},
]
RATED = [
    {"prompt": [ASKED], "completion": [SAID], "label": True},
    {"prompt": [SYSTEM, ASKED], "completion": [WORSE], "label": False},
]
MAX_LENGTH = 200

Labelled = tuple[tuple[int, ...], tuple[int, ...]]


@pytest.fixture(scope="module", params=FAMILIES)
def family_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose built-in model is of one family."""
    home = tmp_path_factory.mktemp(request.param)
    make_tiny_model(home / "models" / "SmolLM2-135M-Instruct", **FAMILIES[request.param])
    return home


@pytest.fixture(scope="module")
def previewer() -> Iterator[Previewer]:
    with closing(Previewer()) as opened:
        yield opened


@pytest.fixture
def ask(previewer: Previewer, home: Path, tmp_path: Path) -> Callable[..., Preview]:
    def look(rows: list[Any], *, jump: Any = None, **sections: Any) -> Preview:
        file = tmp_path / "rows.jsonl"
        write(file, rows)
        question = Question(
            config=settings(**sections),
            files={"rows.jsonl": file},
            home=home,
            count=len(rows),
            jump=jump,
        )
        return previewer.ask(question, token=None)

    return look


def write(path: Path, rows: list[Any]) -> None:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def settings(**sections: Any) -> RunConfig:
    method = {"max_length": MAX_LENGTH} | sections.pop("method", {})
    return parse_config(
        {
            "dataset": {"source": "upload", "files": ["rows.jsonl"]} | sections.pop("dataset", {}),
            "evaluation": {"fraction": 0},
            "method": method,
            **sections,
        }
    )


def previewed(preview: Preview) -> list[dict[str, Labelled]]:
    """The tokens of each row that are kept, by side, with the labels that the marks make."""
    found = []
    for row in preview.rows:
        sides = {}
        for side in row.sides:
            kept = [(token, piece.trained) for piece in side.pieces for token in piece.ids]
            kept = kept[:MAX_LENGTH]
            ids = tuple(token for token, _ in kept)
            sides[side.name] = (ids, tuple(token if told else -100 for token, told in kept))
        found.append(sides)
    return found


def batch_rows(loader: Any) -> set[Labelled]:
    """Each row of the trainer's batches, with the labels after its first token's."""
    found = set()
    for batch in loader:
        # They lie end to end.
        (ids,), (labels,) = batch["input_ids"].tolist(), batch["labels"].tolist()
        for start, end in pairwise(batch["cu_seq_lens_q"].tolist()):
            found.add((tuple(ids[start:end]), tuple(labels[start + 1 : end])))
    return found


@pytest.mark.parametrize("assistant_only_loss", [True, False], ids=["answers", "all"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_preview_is_what_the_trainers_batches_hold(
    previewer: Previewer, family_home: Path, tmp_path: Path, name: str, assistant_only_loss: bool
) -> None:
    config = settings(method={"assistant_only_loss": assistant_only_loss and name != "text"})
    file = tmp_path / "rows.jsonl"
    write(file, FORMATS[name])
    run, _ = RunStore(family_home).create(
        config, files={"rows.jsonl": file}, submission=uuid.uuid4().hex
    )
    trainer = prepare(run, callbacks=[], warn=print).trainer
    preview = previewer.ask(
        Question(
            config=config, files={"rows.jsonl": file}, home=family_home, count=len(FORMATS[name])
        ),
        token=None,
    )
    assert preview.fault is None
    seen = {row["row"] for row in previewed(preview)}
    assert len(seen) == len(FORMATS[name])
    # The first token is predicted by nothing.
    told = {(ids, labels[1:]) for ids, labels in seen}
    assert told == batch_rows(trainer.get_train_dataloader())
    learned = sum(label >= 0 for _, labels in seen for label in labels)
    assert preview.statistics.trained == learned
    assert (preview.statistics.truncated > 0) == (name in ("messages", "prompt_completion", "text"))


def test_pairs_are_those_of_trls_own_trainer(
    previewer: Previewer, family_home: Path, tmp_path: Path
) -> None:
    sides = previewed(_preview_of(previewer, family_home, tmp_path, PAIRS, method="dpo"))
    folder = family_home / "models" / "SmolLM2-135M-Instruct"
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=trl.DPOConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, activation_checkpointing=False
        ),
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=Dataset.from_list(PAIRS),
    )
    rows = trainer.train_dataset
    assert len(rows) == len(sides)
    for made, shown in zip(rows, sides, strict=True):
        for side in ("chosen", "rejected"):
            ids, labels = shown[side]
            start = len(made["prompt_ids"])
            assert list(ids) == made["prompt_ids"] + made[f"{side}_ids"]
            assert labels == (-100,) * start + ids[start:]


def test_pairs_without_a_base_are_those_of_trls_own_trainers(
    previewer: Previewer, family_home: Path, tmp_path: Path
) -> None:
    sides = previewed(_preview_of(previewer, family_home, tmp_path, PAIRS, method="orpo"))
    assert sides == previewed(_preview_of(previewer, family_home, tmp_path, PAIRS, method="cpo"))
    folder = family_home / "models" / "SmolLM2-135M-Instruct"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    trainer = ORPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=ORPOConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, max_length=MAX_LENGTH,
            activation_checkpointing=False,
        ),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(PAIRS),
    )  # fmt: skip
    for made, shown in zip(trainer.train_dataset, sides, strict=True):
        for side in ("chosen", "rejected"):
            ids, labels = shown[side]
            assert list(ids) == made[f"{side}_input_ids"]
            assert list(labels) == made[f"{side}_labels"]


@pytest.mark.parametrize("given", [RATED, PAIRS], ids=["rated", "pairs"])
def test_rated_answers_are_those_of_trls_own_trainer(
    previewer: Previewer, family_home: Path, tmp_path: Path, given: list[Any]
) -> None:
    preview = _preview_of(previewer, family_home, tmp_path, given, method="kto")
    folder = family_home / "models" / "SmolLM2-135M-Instruct"
    trainer = trl.KTOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=trl.KTOConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, max_length=MAX_LENGTH,
            per_device_train_batch_size=2, activation_checkpointing=False,
        ),
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=Dataset.from_list(given),
    )  # fmt: skip
    # TRL has the good answers of pairs first, and then the bad ones.
    rows = sorted(trainer.train_dataset, key=lambda row: not row["label"])
    sides = zip(previewed(preview), preview.rows, strict=True)
    for made, (shown, row) in zip(rows, sorted(sides, key=lambda s: not s[1].label), strict=True):
        ids, labels = shown["row"]
        start = len(made["prompt_ids"])
        assert list(ids) == made["prompt_ids"] + made["completion_ids"]
        assert labels == (-100,) * start + ids[start:]
        assert row.label == made["label"]


def test_scored_answers_are_those_of_trls_own_trainer(
    previewer: Previewer, family_home: Path, tmp_path: Path
) -> None:
    long = {"prompt": [ASKED], "chosen": [SAID], "rejected": [{**WORSE, "content": "No. " * 99}]}
    preview = _preview_of(previewer, family_home, tmp_path, [*PAIRS, long], method="reward")
    folder = family_home / "models" / "SmolLM2-135M-Instruct"
    trainer = trl.RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1),
        args=trl.RewardConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, max_length=MAX_LENGTH,
            activation_checkpointing=False,
        ),
        processing_class=AutoTokenizer.from_pretrained(folder),
        train_dataset=Dataset.from_list([*PAIRS, long]),
    )  # fmt: skip
    rows, sides = trainer.train_dataset, previewed(preview)
    assert len(rows) == len(sides) == len(PAIRS)
    for made, shown in zip(rows, sides, strict=True):
        for side in ("chosen", "rejected"):
            # All of it is read for the score, the prompt too.
            assert shown[side] == (tuple(made[f"{side}_ids"]),) * 2
    assert any(
        "Left out, since they are longer than 200 tokens: 1 row" in text
        for text in preview.warnings
    )


def _preview_of(
    previewer: Previewer, home: Path, folder: Path, rows: list[Any], *, method: str
) -> Preview:
    file = folder / "rows.jsonl"
    write(file, rows)
    config = settings(method={"name": method}, training={"per_device_train_batch_size": 2})
    question = Question(config=config, files={"rows.jsonl": file}, home=home, count=9)
    preview = previewer.ask(question, token=None)
    assert preview.fault is None
    return preview


def test_the_text_is_whole_and_its_marks_are_told(ask: Callable[..., Preview]) -> None:
    preview = ask([{"messages": [SYSTEM, ASKED, SAID]}])
    (side,) = preview.rows[0].sides
    text = "".join(piece.text for piece in side.pieces)
    assert text.endswith(f"<|im_start|>assistant\n{SAID['content']}<|im_end|>\n")
    learned = "".join(piece.text for piece in side.pieces if piece.trained)
    assert learned == f"{SAID['content']}<|im_end|>"
    assert {p.text for p in side.pieces if p.special} == {"<|im_start|>", "<|im_end|>"}
    assert not any(piece.cut for piece in side.pieces)
    assert preview.statistics.complete
    assert preview.statistics.rows == 1


def test_one_can_jump_to_the_rows_that_matter(ask: Callable[..., Preview]) -> None:
    rows = [{"prompt": "a", "completion": "b" * size} for size in (50, 10, 400, 30)]
    assert [row.index for row in ask(rows, jump="longest").rows] == [2]
    assert [row.index for row in ask(rows, jump="shortest").rows] == [1]
    (row,) = ask(rows, jump="truncated").rows
    assert row.index == 2
    assert [piece.cut for side in row.sides for piece in side.pieces].count(True) > 0
    assert ask(rows[:2], jump="truncated").rows == []
    assert ask(rows, jump="random").rows


def test_each_filter_tells_how_many_rows_it_has_dropped(ask: Callable[..., Preview]) -> None:
    row = {"prompt": "a", "completion": "bb", "bad": False, "weight": 1}
    rows = [
        row, row, row | {"bad": True}, row | {"completion": "c" * 300}, row | {"weight": 0},
        # Another row, and the same tokens.
        row | {"weight": 2},
    ]  # fmt: skip
    filters = {"drop_where": "bad", "drop_duplicates": True, "min_length": 1, "max_length": 200}
    preview = ask(rows, filters=filters)
    assert preview.statistics.dropped == {
        "filters.drop_where": 1,
        "filters.drop_duplicates": 2,
        "filters.min_length": 0,
        "filters.max_length": 1,
    }
    assert (preview.unused, preview.deciding) == ([], ["bad", "weight"])
    assert [text for text in preview.warnings if "not to be learned" in text] == [
        "Skipped 1 row (line 5): marked as not to be learned."
    ]


@pytest.mark.parametrize(
    ("rows", "sections", "field", "words"),
    [
        pytest.param([{"prompt": "a"}], {}, "dataset.format", "without answers", id="prompts"),
        pytest.param(
            [{"text": "a"}], {}, "method.assistant_only_loss", "plain text", id="text"
        ),
        pytest.param(
            PAIRS, {}, "dataset.format", "pairs of answers", id="pairs, looked at all the same"
        ),
        pytest.param(
            [{"prompt": "a", "chosen": "b" * 999, "rejected": "c"}], {"method": {"name": "reward"}},
            "method.max_length", "longer than 200", id="nothing but long rows to score",
        ),
        pytest.param(
            RATED, {"method": {"name": "reward"}}, "dataset.format", "reward modeling",
            id="labels to score",
        ),
        pytest.param(
            RATED[:1], {"method": {"name": "kto"}}, "columns.label", "labeled true", id="one label"
        ),
        pytest.param(
            [{"messages": [SAID, ASKED, {"role": "tool"}]}], {}, "dataset.files", "line 1",
            id="a bad row",
        ),
        pytest.param(
            [{"task": "a", "reply": 1, "n": 2}], {"columns": {"prompt": "{tusk}"}},
            "columns.prompt", "'tusk'", id="no such column",
        ),
    ],
)  # fmt: skip
def test_what_can_teach_nothing_is_refused(
    ask: Callable[..., Preview], rows: list[Any], sections: dict[str, Any], field: str, words: str
) -> None:
    fault = ask(rows, **sections).fault
    assert fault is not None
    assert fault.field == field
    assert words in fault.message
    assert fault.hint


def test_a_row_that_takes_too_much_memory_ends_the_look_and_no_more(
    ask: Callable[..., Preview],
) -> None:
    long = {"prompt": "a", "completion": "b " * 1_000_000}
    (row,) = ask([long]).rows
    assert row.sides[0].left_out > 1_000_000
    votes = ",".join(["{}"] * 30_000_000)
    fault = ask([f'{{"prompt": "a", "completion": "b", "votes": [{votes}]}}']).fault
    assert fault is not None
    assert "more memory" in fault.message
    assert ask([{"prompt": "a", "completion": "b"}]).fault is None
