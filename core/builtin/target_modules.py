"""Whether the model has the layers that an adapter is to be put on: told by the names of its
weights, which need no torch to be read."""

import httpx2
from huggingface_hub import get_local_safetensors_metadata
from huggingface_hub.errors import (
    HfHubHTTPError,
    NotASafetensorsRepoError,
    OfflineModeIsEnabled,
    SafetensorsParsingError,
)

from core.builtin.model import builtin_model_folder, is_ready
from core.config.builtin_names import BUILTIN_MODEL
from core.config.check import Context
from core.config.conflicts import layer_names
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.client import hub_client

ALL_LINEAR = "all-linear"
# It may share the weights of the embedding, and then no file has any of its own.
NEVER_MISSED = "lm_head"
FIELD = "adapter.lora_target_modules"


def check_target_modules(config: RunConfig, context: Context) -> list[str]:
    """Warns of names that no layer has. Raises UserError when no layer has any of the names."""
    names = layer_names(config.adapter)
    if not config.adapter.has_adapter or names == [ALL_LINEAR]:
        return []
    weights = _weights(config, context)
    if weights is None:
        # The model is looked up by a check of its own, and peft looks again.
        return []
    layers = _layers(weights)
    missed = [name for name in names if not _has(layers, name) and name != NEVER_MISSED]
    known = ", ".join(sorted({layer.rpartition(".")[2] for layer in layers}))
    if len(missed) == len(names):
        raise UserError(
            f"This model has no layers named {', '.join(missed)}.",
            hint=f"Use {ALL_LINEAR}, or some of its names: {known}.",
            field=FIELD,
        )
    return [f"This model has no layer named {name}; it has: {known}." for name in missed]


def _weights(config: RunConfig, context: Context) -> dict[str, list[int]] | None:
    """The shapes of the model's weights by their names; None where they can't be read."""
    folder = builtin_model_folder(context.home)
    model = config.model
    try:
        if model.name == BUILTIN_MODEL and is_ready(folder):
            found = get_local_safetensors_metadata(folder)
        else:
            found = hub_client(context.token).get_safetensors_metadata(
                model.name, revision=model.revision
            )
    except (
        NotASafetensorsRepoError,
        SafetensorsParsingError,
        HfHubHTTPError,
        httpx2.HTTPError,
        OfflineModeIsEnabled,
    ):
        return None
    files = found.files_metadata.values()
    return {name: info.shape for file in files for name, info in file.tensors.items()}


def _layers(weights: dict[str, list[int]]) -> list[str]:
    """The layers whose weights are a matrix: an adapter can be put on no others."""
    return [
        name.removesuffix(".weight")
        for name, shape in weights.items()
        if name.endswith(".weight") and len(shape) > 1
    ]


def _has(layers: list[str], name: str) -> bool:
    """As peft tells: a layer is meant by its whole path, or by the end of it."""
    return any(layer == name or layer.endswith(f".{name}") for layer in layers)
