"""Whether the result and the measurements of a run may go where they are to go."""

from core.config.check import Context
from core.config.options import Tracking
from core.config.run_config import RunConfig
from core.errors import HubUnreachable, UserError
from core.hub.permissions import experiments_repo, target_repo


def check_push(config: RunConfig, context: Context) -> list[str]:
    if not config.output.push_to_hub:
        return []
    context.report("Checking that you may push…")
    try:
        target_repo(config.output, context.token)
    except HubUnreachable as error:
        raise UserError(
            "The Hub does not respond, so it is unknown whether you may push.",
            hint="Turn off `output.push_to_hub` and push later, with one button.",
            field="output.push_to_hub",
        ) from error
    return []


def check_tracking(config: RunConfig, context: Context) -> list[str]:
    if config.output.tracking is Tracking.NONE:
        return []
    context.report("Checking that you may track online…")
    try:
        experiments_repo(config.output, context.token)
    except HubUnreachable as error:
        raise UserError(
            "The Hub does not respond, so it is unknown whether you may track there.",
            hint="Set `output.tracking` to none, or try again later.",
            field="output.tracking",
        ) from error
    return []
