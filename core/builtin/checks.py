"""Whether the built-in model can be had."""

from core.builtin.model import builtin_model_folder, is_ready
from core.config.builtin_names import BUILTIN_MODEL
from core.config.check import Context
from core.config.run_config import RunConfig
from core.errors import HubUnreachable, UserError
from core.hub.checks import require_hub_model, require_room_for_weights

BUILTIN_BYTES = 270 * 1024**2


def check_builtin_model(config: RunConfig, context: Context) -> list[str]:
    if config.model.name != BUILTIN_MODEL:
        return []
    context.report("Checking the model…")
    if is_ready(builtin_model_folder(context.home)):
        require_room_for_weights(config, context, weights=BUILTIN_BYTES, download=0)
        return []
    try:
        require_hub_model(config, context)
    except HubUnreachable as error:
        raise UserError(
            "The built-in model is not on this machine yet, and the Hub does not respond.",
            hint="Run 'python -m core.builtin' once, or start with 'make run'.",
            field="model.name",
        ) from error
    return []
