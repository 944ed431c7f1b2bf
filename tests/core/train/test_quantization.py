"""An adapter is trained over a base in fewer bits, on a processor too, and is one for the base."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, Trainer

from core.builtin.model import builtin_model_folder
from core.config.parse import parse_config
from core.runs.store import RunStore
from core.train.export.merge import merge
from core.train.save import save_model
from core.train.session import prepare

pytestmark = pytest.mark.process

RUNS: dict[str, dict[str, Any]] = {
    "4bit": {"method": {"max_length": 256}},
    "8bit": {"method": {"max_length": 256}},
    "4bit with DoRA": {"method": {"max_length": 256}, "adapter": {"use_dora": True}},
    "4bit, preferences": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": 256},
    },
    "4bit, scores": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "reward", "max_length": 256},
    },
}


def first_gradients(trainer: Trainer) -> list[torch.Tensor]:
    """What comes back to the adapters of the first layer, through all the others."""
    weights = {n: w for n, w in trainer.model.named_parameters() if w.requires_grad}
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.train()
    trainer.compute_loss(trainer.model, batch).backward()
    found = [w.grad.clone() for n, w in weights.items() if ".0.self_attn" in n and "lora_B" in n]
    trainer.model.zero_grad()
    return found


@pytest.mark.parametrize("name", RUNS)
def test_it_learns_and_goes_on_and_is_saved_for_the_base_as_it_is(home: Path, name: str) -> None:
    config = parse_config(
        {
            "model": {"quantization": name[:4]},
            "training": {
                "max_steps": 8, "save_steps": 4, "per_device_train_batch_size": 2,
                "learning_rate": 0.01, "optim": "adamw_bnb_8bit",
            },
            "evaluation": {"max_eval_samples": 8},
            "hardware": {"precision": "float32"},
        }
        | RUNS[name]
    )  # fmt: skip
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    prepared = prepare(run, callbacks=[], warn=print)
    trainer = prepared.trainer
    kinds = {type(module).__name__ for module in trainer.model.modules()}
    assert kinds & {"Linear4bit", "Linear8bitLt"}
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    assert {weight.dtype for weight in trained} == {torch.float32}
    first = first_gradients(trainer)
    before = trainer.evaluate()["eval_loss"]
    torch.testing.assert_close(first_gradients(trainer), first)
    assert max(float(gradient.abs().max()) for gradient in first) > 0
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before
    save_model(trainer, run.paths.model, base_model=config.model.name, stored=prepared.stored)
    again = prepare(run, callbacks=[], warn=print).trainer
    again.train(resume_from_checkpoint=str(run.paths.checkpoints / "checkpoint-4"))
    for here, there in zip(
        trained, (w for w in again.model.parameters() if w.requires_grad), strict=True
    ):
        torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-4)

    if config.method.scores:
        return
    merge(run)
    tokens = torch.arange(24).reshape(2, 12)
    with torch.no_grad():
        base = AutoModelForCausalLM.from_pretrained(builtin_model_folder(home))
        untrained = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, str(run.paths.model)).eval()(tokens).logits
        whole = AutoModelForCausalLM.from_pretrained(run.paths.merged)
        merged = whole(tokens).logits
        wanted = trainer.model.eval()(tokens).logits
    assert "quantization_config" not in whole.config.to_dict()
    torch.testing.assert_close(merged, adapted, rtol=1e-3, atol=1e-3)
    # Nearer to what was trained than the base is: the two differ by what was rounded alone.
    assert (merged - wanted).norm() < (untrained - wanted).norm() / 2
