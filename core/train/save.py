"""The trained model as a folder that stands for itself."""

import json
import shutil
from pathlib import Path

import torch
from peft import PeftModel
from transformers import Trainer

from core.machine.atomic import publish_folder
from core.train.adapter import save_on_base
from core.train.health import require_finite


def save_model(
    trainer: Trainer,
    folder: Path,
    *,
    base_model: str,
    stored: torch.dtype,
    beginning: Path | None = None,
) -> None:
    """Put the model and its tokenizer into the folder, in the place of an earlier one.

    `stored` is the number format of the base: a model of which all weights were trained is saved
    in it too. `beginning` is what the adapter began as, where it took over a part of the base.
    Raises UserError when a weight is NaN or infinite.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    require_finite(model)
    aside = folder.with_name(".model")
    shutil.rmtree(aside, ignore_errors=True)
    if isinstance(model, PeftModel):
        trainer.save_model(str(aside))
        if beginning is not None:
            save_on_base(model, aside, beginning=beginning)
        if model.can_generate():
            # peft saves none: without it nobody knows where the answers end that were learned.
            model.generation_config.save_pretrained(aside)
        _name_base(aside / "adapter_config.json", base_model)
    else:
        trained = model.dtype
        model.to(stored)
        require_finite(model)
        # Off for training alone.
        model.config.use_cache = True
        trainer.save_model(str(aside))
        model.to(trained)
    # A card of blanks, with this machine's folder in it. Ours is written when it is pushed.
    (aside / "README.md").unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    publish_folder(aside, folder)


def _name_base(path: Path, base_model: str) -> None:
    """Have an adapter name its base as the Hub does, not by a folder of this machine."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base_model
    path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
