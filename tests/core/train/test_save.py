"""What a run leaves behind stops where its answers end, in the number format of its base."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GenerationConfig

from core.builtin.model import _mark, builtin_model_folder
from core.config.parse import parse_config
from core.runs.store import Run, RunStore
from core.train.export.merge import merge
from core.train.save import save_model
from core.train.session import Prepared, prepare
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.process

BASE_END, CHATML_END = 0, 2
SHORT: dict[str, Any] = {
    "training": {"max_steps": 1, "per_device_train_batch_size": 1},
    "method": {"max_length": 256},
    "hardware": {"precision": "float32"},
}


def base_model(home: Path, *, dtype: torch.dtype = torch.float32, **generation: Any) -> None:
    """Have the built-in model be a base: its text ends otherwise than a turn does."""
    folder = builtin_model_folder(home)
    make_tiny_model(folder, end="<|endoftext|>", template=None)
    model = AutoModelForCausalLM.from_pretrained(folder).to(dtype)
    model.save_pretrained(folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(settings | generation))
    (folder / "smolfactory.json").unlink()
    _mark(folder, source="made by a test")


def trained(home: Path, **sections: Any) -> tuple[Run, Prepared]:
    config = parse_config(SHORT | sections)
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    prepared = prepare(run, callbacks=[], warn=print)
    prepared.trainer.train()
    save_model(
        prepared.trainer, run.paths.model, base_model=config.model.name, stored=prepared.stored,
        beginning=prepared.beginning,
    )  # fmt: skip
    return run, prepared


def ends(folder: Path) -> list[int]:
    return list(GenerationConfig.from_pretrained(folder).eos_token_id)


def test_an_adapter_and_its_merged_model_stop_where_their_template_does(home: Path) -> None:
    # Such a generation config is published often, and can't be saved once it was changed.
    base_model(home, temperature=0.6, do_sample=False)
    run, _ = trained(home, model={"chat_template": "chatml"})
    merge(run)
    assert not list(run.paths.root.rglob("training_args.bin"))
    for folder in (run.paths.model, run.paths.merged):
        assert ends(folder) == [CHATML_END, BASE_END]
    model = AutoModelForCausalLM.from_pretrained(run.paths.merged)
    assert model.config.eos_token_id == CHATML_END
    assert model.config.use_cache
    # Wherever it is in an answer, the next token is the end of a turn.
    model.lm_head.register_forward_hook(_always(CHATML_END))
    made = model.generate(torch.tensor([[5, 6]]), max_new_tokens=8, do_sample=False)
    assert made[0].tolist() == [5, 6, CHATML_END]


def test_an_adapter_that_took_over_a_part_of_its_base_goes_on_and_fits_the_base(
    home: Path,
) -> None:
    base_model(home)
    training = {"max_steps": 2, "save_steps": 1, "learning_rate": 0.01}
    run, prepared = trained(
        home,
        # Its first part by chance, which a run that goes on has to meet again.
        adapter={"init_lora_weights": "pissa_niter_4", "lora_r": 4},
        model={"chat_template": "chatml"},
        training=training,
    )
    again = prepare(run, callbacks=[], warn=print)
    again.trainer.train(resume_from_checkpoint=str(run.paths.checkpoints / "checkpoint-1"))
    tokens = torch.arange(24).reshape(2, 12)
    with torch.no_grad():
        wanted = prepared.trainer.model.eval()(tokens).logits
        resumed = again.trainer.model.eval()(tokens).logits
        base = AutoModelForCausalLM.from_pretrained(builtin_model_folder(home))
        untrained = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, str(run.paths.model)).eval()(tokens).logits
        merge(run)
        merged = AutoModelForCausalLM.from_pretrained(run.paths.merged)(tokens).logits
    assert not torch.allclose(wanted, untrained, atol=1e-3)
    for logits in (resumed, adapted, merged):
        torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)


def _always(token: int) -> Any:
    def set_logits(_: Any, __: Any, logits: torch.Tensor) -> torch.Tensor:
        logits[..., token] = 9.0
        return logits

    return set_logits


def test_of_the_last_layers_all_is_trained_and_of_the_rest_nothing(home: Path) -> None:
    base_model(home)
    stored = load_file(builtin_model_folder(home) / "model.safetensors")
    run, _ = trained(
        home,
        adapter={"kind": "full", "trainable_layers": 1},
        model={"chat_template": "chatml"},
        training=SHORT["training"] | {"max_steps": 2, "learning_rate": 0.01},
        # What is computed again lies behind frozen inputs.
        hardware=SHORT["hardware"] | {"gradient_checkpointing": "on"},
    )
    saved = load_file(run.paths.model / "model.safetensors")
    assert saved.keys() == stored.keys()
    changed = {name for name in stored if not torch.equal(saved[name], stored[name])}
    assert changed == {name for name in stored if ".layers.1." in name}


def test_all_weights_are_saved_as_the_base_was_and_trained_in_float32(home: Path) -> None:
    base_model(home, dtype=torch.bfloat16)
    stored = load_file(builtin_model_folder(home) / "model.safetensors")
    run, prepared = trained(
        home,
        adapter={"kind": "full"},
        model={"chat_template": "chatml"},
        training=SHORT["training"],
    )
    assert prepared.trainer.model.dtype is torch.float32
    saved = load_file(run.paths.model / "model.safetensors")
    assert {n: (w.dtype, w.shape) for n, w in saved.items()} == {
        n: (torch.bfloat16, w.shape) for n, w in stored.items()
    }
    assert any(not torch.equal(saved[name], stored[name]) for name in saved)
    settings = json.loads((run.paths.model / "config.json").read_text())
    assert settings["dtype"] == "bfloat16"
    assert settings["use_cache"] is True
    assert ends(run.paths.model) == [CHATML_END, BASE_END]
    (checkpoint,) = run.paths.checkpoints.glob("checkpoint-*")
    # A pickle, which nothing needs.
    assert not list(run.paths.root.rglob("training_args.bin"))
    masters = load_file(checkpoint / "model.safetensors")
    assert {weight.dtype for weight in masters.values()} == {torch.float32}
