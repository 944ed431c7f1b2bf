"""Rows of about the same length make a batch where that is asked, in an order that comes again."""

import uuid
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

from core.config.parse import parse_config
from core.runs.store import RunStore
from core.train.session import prepare

pytestmark = pytest.mark.process

BATCH = 8


def trainer_of(home: Path, **method: Any) -> tuple[Trainer, list[str]]:
    """A trainer, and the warnings that were told on the way."""
    told: list[str] = []
    config = parse_config(
        {"method": {"max_length": 512, **method}, "hardware": {"precision": "float32"}}
    )
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    return prepare(run, callbacks=[], warn=told.append).trainer, told


def batches(trainer: Trainer, *, epoch: int) -> list[list[int]]:
    """The lengths of the rows of each batch, in their order."""
    loader = trainer.get_train_dataloader()
    loader.set_epoch(epoch)
    return [batch["attention_mask"].sum(dim=1).tolist() for batch in loader]


def test_batches_by_length_have_less_padding_and_are_the_same_when_a_run_goes_on(
    home: Path,
) -> None:
    grouped, told = trainer_of(home, padding_free="off", train_sampling_strategy="group_by_length")
    random, _ = trainer_of(home, padding_free="off")
    of_grouped, of_random = batches(grouped, epoch=0), batches(random, epoch=0)
    rows = [sorted(chain.from_iterable(each)) for each in (of_grouped, of_random)]
    assert rows[0] == rows[1]
    padding = [sum(max(b) * len(b) - sum(b) for b in each) for each in (of_grouped, of_random)]
    assert padding[0] < padding[1] / 2
    assert not told
    later = batches(grouped, epoch=3)
    assert later != of_grouped
    again, _ = trainer_of(home, padding_free="off", train_sampling_strategy="group_by_length")
    assert batches(again, epoch=3) == later


def test_without_padding_rows_are_not_grouped_and_that_is_told(home: Path) -> None:
    trainer, told = trainer_of(home, train_sampling_strategy="group_by_length")
    assert trainer.args.train_sampling_strategy == "random"
    assert [text for text in told if "not grouped by length" in text]
