"""Figures of a run are the same whatever its batch size is."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer

from core.config.parse import parse_config
from core.runs.store import RunStore
from core.train.session import prepare
from core.train.tokens.row_tokens import IGNORED

pytestmark = pytest.mark.process

RUNS: dict[str, dict[str, Any]] = {
    "sft": {"method": {"name": "sft", "max_length": 256}},
    "dpo": {"dataset": {"builtin": "facts_pairs"}, "method": {"name": "dpo", "max_length": 256}},
}
# What is told of an evaluation; DPO's batches count by their pairs, and not by tokens.
FIGURES = {"sft": ("eval_loss", "eval_entropy", "eval_mean"), "dpo": ("eval_loss", "eval_rewards")}


def trainer_of(home: Path, **sections: Any) -> Trainer:
    config = parse_config(
        {"evaluation": {"max_eval_samples": 11}, "hardware": {"precision": "float32"}} | sections
    )
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    return prepare(run, callbacks=[], warn=print).trainer


def by_hand(trainer: Trainer) -> dict[str, float]:
    """Over all tokens that are learned, each counted once."""
    loss, right, count = 0.0, 0, 0
    model = trainer.model.eval()
    for row in trainer.eval_dataset:
        labels = torch.tensor(row["labels"][1:])
        learned = labels != IGNORED
        with torch.no_grad():
            logits = model(torch.tensor([row["input_ids"]])).logits[0, :-1][learned].double()
        loss += float(torch.nn.functional.cross_entropy(logits, labels[learned], reduction="sum"))
        right += int((logits.argmax(-1) == labels[learned]).sum())
        count += int(learned.sum())
    return {"eval_loss": loss / count, "eval_mean_token_accuracy": right / count}


@pytest.mark.parametrize("name", RUNS)
def test_an_evaluation_is_the_same_at_any_batch_size(home: Path, name: str) -> None:
    trainer = trainer_of(home, **RUNS[name])
    chance = torch.Generator().manual_seed(0)
    for weight in trainer.model.parameters():
        if weight.requires_grad:
            # As after some training: until then DPO's model is its own reference.
            weight.data += 0.05 * torch.randn(weight.shape, generator=chance)
    found = []
    for size in (1, 3, 8):
        trainer.args.per_device_eval_batch_size = size
        measured = trainer.evaluate()
        told = FIGURES[name]
        found.append({n: v for n, v in measured.items() if n.startswith(told)})
    assert len(found[0]) > 2
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-5, abs=1e-6)
    if name == "sft":
        exact = by_hand(trainer)
        assert {each: found[0][each] for each in exact} == pytest.approx(exact, rel=1e-5)
