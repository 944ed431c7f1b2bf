"""Whether a run's checkpoints may be synced to the Hub."""

from core.config.check import Context
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.permissions import doubts, writable_owner
from core.settings import sign_in_hint

FIELD = "output.sync_checkpoints"


def check_checkpoint_sync(config: RunConfig, context: Context) -> list[str]:
    if not config.output.sync_checkpoints:
        return []
    context.report("Checking that you may sync checkpoints…")
    if context.token is None:
        raise UserError(
            "Syncing checkpoints to the Hub needs a Hugging Face token, and there is none here.",
            hint=sign_in_hint(),
            field=FIELD,
        )
    try:
        owner = writable_owner(config.output, context.token)
        return doubts(owner, context.token)
    except UserError as error:
        error.field = FIELD
        raise
