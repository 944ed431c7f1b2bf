"""Whether the Hub has the model that a run starts from, of a kind that can be trained here."""

from core.config.builtin_names import BUILTIN_MODEL
from core.config.check import Context
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.lookups import model_config, model_info
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
    files = info.siblings or []
    weights = sum(f.size or 0 for f in files if f.rfilename.endswith(".safetensors"))
    if weights == 0:
        raise UserError(
            f"{name} has no safetensors files, and SmolFactory opens no other kind of weights.",
            hint="Choose a model that has them, or a converted copy.",
            field="model.name",
        )
    if "auto_map" in model_config(name, revision=info.sha, token=context.token):
        raise UserError(
            f"{name} needs code of its own to run, and SmolFactory does not run it.",
            hint="Choose a model that transformers supports.",
            field="model.name",
        )
    require_room_for_weights(config, context, weights=weights, download=weights)


def require_room_for_weights(
    config: RunConfig, context: Context, *, weights: int, download: int
) -> None:
    """Raises UserError when the download and the checkpoints of a model do not fit on the disk."""
    checkpoints = config.training.save_total_limit + 1
    is_full = not config.adapter.has_adapter
    written = weights * (FULL_CHECKPOINT_FACTOR * checkpoints + 1) if is_full else 0
    require_room(
        written + download, home=context.home, what="This run",
        field="training.save_total_limit" if is_full else "model.name",
        hint="Delete old runs, lower `training.save_total_limit`, or train an adapter.",
    )  # fmt: skip
