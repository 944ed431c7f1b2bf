"""What is checked before a run starts. Each check lies in the package that it concerns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from core.config.run_config import RunConfig


@dataclass(frozen=True)
class Context:
    """What a check may use besides the settings.

    `files` are the person's, by the names that the settings give them. `report` is told what is
    being looked at, for whoever waits.
    """

    files: Mapping[str, Path]
    home: Path
    token: SecretStr | None
    report: Callable[[str], None]


# Returns what a person should know and may accept. Raises UserError at the setting at fault, or
# InvalidConfig for several; without a setting where no run could start whatever is changed.
Check = Callable[[RunConfig, Context], list[str]]
