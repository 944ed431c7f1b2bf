"""Whether the result and the measurements of a run may go where they are to go."""

from pathlib import Path

from pydantic import SecretStr

from core.config.check import Context
from core.config.options import Tracking
from core.config.output import OutputSection
from core.config.run_config import RunConfig
from core.errors import HubUnreachable, UserError, at_field
from core.hub.client import hub_client
from core.hub.permissions import doubts, experiments_repo, target_repo, writable_owner
from core.publish.occupied import Contents, require_free
from core.runs.store import Run, RunStore


def check_push(config: RunConfig, context: Context) -> list[str]:
    if not config.output.push_to_hub:
        return []
    context.report("Checking that you may push…")
    try:
        with at_field("output.push_to_hub"):
            replaced = require_pushable(config.output, run=None, token=context.token)
    except HubUnreachable as error:
        raise type(error)(
            f"It is unknown whether you may push. {error.message}",
            hint="Turn off `output.push_to_hub` and push later, with one button.",
            field="output.push_to_hub",
        ) from error
    warnings = (
        [f"The push will replace what is in {replaced.repo}: {replaced}."] if replaced else []
    )
    if other := _pushes_there_too(config.output, context.home):
        warnings.append(
            f"Run {other.id} will push to the same name; the later push will be refused."
        )
    if context.token is not None and not config.output.pull_request:
        warnings += doubts(writable_owner(config.output, context.token), context.token)
    return warnings


def _pushes_there_too(output: OutputSection, home: Path) -> Run | None:
    """A run that will have pushed where this one wants to, by the time that it does."""
    if output.pull_request or output.replace:
        return None
    for run, status in RunStore(home).readable():
        if not status.state.live or status.name != output.repo_name:
            continue
        try:
            other = run.output()
        except UserError:
            # Another version's.
            continue
        if other.push_to_hub and not other.pull_request and other.owner == output.owner:
            return run
    return None


def require_pushable(
    output: OutputSection, *, run: Run | None, token: SecretStr | None
) -> Contents | None:
    """What of others a push will replace, as it is now; None for nothing. `run` may not be yet.

    Raises UserError when this token may not write there, and Occupied where something would be
    replaced that nobody said may be.
    """
    repo = target_repo(output, token)
    if output.pull_request:
        return None
    return require_free(hub_client(token), repo, run=run, replace=output.replace)


def check_tracking(config: RunConfig, context: Context) -> list[str]:
    if config.output.tracking is Tracking.NONE:
        return []
    context.report("Checking that you may track online…")
    try:
        experiments_repo(config.output, context.token)
    except HubUnreachable as error:
        raise type(error)(
            f"It is unknown whether you may track there. {error.message}",
            hint="Set `output.tracking` to `none`, or try again later.",
            field="output.tracking",
        ) from error
    return []
