"""Whether the Hub has the model that a run starts from, of a kind that can be trained here."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from core.config.builtin_names import BUILTIN_MODEL
from core.config.check import Context
from core.config.run_config import RunConfig
from core.hub.base_model import ADAPTER, adapter_bases, require_trainable, require_weights
from core.hub.lookups import base_models, model_config, model_info, weight_names
from core.machine.disk import require_room

# The optimizer keeps two numbers per weight, in float32, beside the weights themselves.
FULL_CHECKPOINT_FACTOR = 3


def check_hub_model(config: RunConfig, context: Context) -> list[str]:
    # The built-in model may be here already: it has a check of its own.
    if config.model.name != BUILTIN_MODEL:
        context.report("Checking the model…")
        require_hub_model(config, context)
    return []


def require_hub_model(config: RunConfig, context: Context) -> None:
    """Raises UserError when the Hub has no such model, it can't be trained, or it does not fit.

    Raises HubUnreachable when the Hub gives no answer.
    """
    name = config.model.name
    info = model_info(name, revision=config.model.revision, token=context.token)
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    settings_in = partial(model_config, name, revision=info.sha, token=context.token)
    bases = base_models(info)
    if not bases and ADAPTER in files:
        bases = adapter_bases(settings_in(file=ADAPTER))
    weights = require_weights(name, files, bases=bases)
    names = partial(weight_names, name, revision=info.sha, token=context.token)
    settings = settings_in()
    require_trainable(settings, config, weights=names)
    require_room_for_weights(config, context, weights=weights, settings=settings, download=weights)


def require_room_for_weights(
    config: RunConfig,
    context: Context,
    *,
    weights: int,
    settings: Mapping[str, Any],
    download: int,
) -> None:
    """Raises UserError when the download and the checkpoints of a model do not fit on the disk.

    `settings` is its config.json.
    """
    checkpoints = config.training.save_total_limit + 1
    is_full = not config.adapter.has_adapter
    # All weights are trained in float32, and saved at the end as they were stored.
    is_half = (settings.get("dtype") or settings.get("torch_dtype")) in ("bfloat16", "float16")
    trained = weights * (2 if is_half else 1)
    # Of the best checkpoint the weights alone are kept.
    best = trained if config.training.keeps_best else 0
    written = trained * FULL_CHECKPOINT_FACTOR * checkpoints + best + weights if is_full else 0
    require_room(
        written + download, home=context.home, what="This run",
        field="training.save_total_limit" if is_full else "model.name",
        hint="Delete old runs, lower `training.save_total_limit`, or train an adapter.",
    )  # fmt: skip
