"""Whether the built-in model can be had."""

import json
from pathlib import Path

from safetensors import safe_open

from core.builtin.model import builtin_model_folder, is_ready
from core.config.builtin_names import BUILTIN_MODEL
from core.config.check import Context
from core.config.run_config import RunConfig
from core.errors import HubUnreachable
from core.hub.base_model import require_trainable
from core.hub.checks import require_hub_model, require_room_for_weights
from core.hub.lookups import stored_model_config

BUILTIN_BYTES = 270 * 1024**2


def check_builtin_model(config: RunConfig, context: Context) -> list[str]:
    if config.model.name != BUILTIN_MODEL:
        return []
    context.report("Checking the model…")
    folder = builtin_model_folder(context.home)
    if is_ready(folder):
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        require_trainable(settings, config, weights=lambda: _weight_names(folder))
        require_room_for_weights(
            config, context, weights=BUILTIN_BYTES, settings=settings, download=0
        )
        return []
    try:
        require_hub_model(config, context)
    except HubUnreachable as error:
        raise type(error)(
            f"The built-in model is not on this machine yet. {error.message}",
            hint="Run 'python -m core.builtin' once, or start with 'make run'.",
            field="model.name",
        ) from error
    return []


def check_stored_model(config: RunConfig, *, home: Path) -> None:
    """Raises UserError where what is here of the model speaks against the settings.

    It asks no Hub, so that it can be called at each change of them.
    """
    folder, model = builtin_model_folder(home), config.model
    if model.name == BUILTIN_MODEL and is_ready(folder):
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        require_trainable(settings, config, weights=lambda: _weight_names(folder))
    elif stored := stored_model_config(model.name, revision=model.revision):
        # The names of its weights are the Hub's to tell.
        require_trainable(stored, config, weights=tuple)


def _weight_names(folder: Path) -> list[str]:
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        return list(weights.keys())
