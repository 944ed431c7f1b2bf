"""Everything that can be known to fail before anything expensive starts."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from core.builtin.checks import check_builtin_model
from core.checkpoint_sync.checks import check_checkpoint_sync
from core.config.check import Check, Context
from core.config.checks import check_machine
from core.config.run_config import RunConfig
from core.data.checks import check_data
from core.data.previewer import Previewer
from core.errors import HubAway, InvalidConfig, UserError, fields_of
from core.hub.checks import check_hub_model
from core.hub.deadline import deadline
from core.hub.licences import check_licences
from core.jobs.reward_models import check_reward_models
from core.publish.checks import check_push, check_tracking


def checks(previewer: Previewer | None) -> tuple[Check, ...]:
    """In the order in which their faults are told. A new one needs no more than its line here."""
    return (
        check_machine,
        check_builtin_model,
        check_hub_model,
        check_reward_models,
        partial(check_data, previewer=previewer),
        check_push,
        check_tracking,
        check_checkpoint_sync,
        check_licences,
    )


def check(
    config: RunConfig,
    *,
    files: Mapping[str, Path],
    home: Path,
    token: SecretStr | None,
    report: Callable[[str], None],
    previewer: Previewer | None = None,
) -> list[str]:
    """Run all checks. Returns what a person should know and may accept.

    `report` is told what is being looked at. `previewer` is one that may have begun to look at the
    data: to start another takes seconds. Raises InvalidConfig with every fault.
    """
    context = Context(files=files, home=home, token=token, report=report)
    warnings: list[str] = []
    faults: dict[str, str] = {}
    with ExitStack() as patience:
        for each in checks(previewer):
            try:
                warnings += each(config, context)
            except UserError as error:
                for field, text in fields_of(error).items():
                    # Of two faults of one setting the first is told.
                    faults.setdefault(field, text)
                if isinstance(error, HubAway):
                    # The other checks are refused at once, or each would wait as long.
                    patience.enter_context(deadline(0))
    if faults:
        raise InvalidConfig(faults)
    # Two checks may find the same.
    return list(dict.fromkeys(warnings))
