"""On whose behalf a run is started, as it is held in memory and handed from process to process."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from core.machine.environment import allowed_environment


@dataclass(frozen=True)
class Submitter:
    """The token of who asked for a run, and the variables of the process that they asked.

    Never on a disk or in a command line: `pack` is for sockets and pipes alone.
    """

    token: SecretStr | None
    variables: Mapping[str, str]

    @classmethod
    def here(cls, token: SecretStr | None) -> "Submitter":
        """Somebody with this token who asks this process."""
        return cls(token=token, variables=allowed_environment(token=None, variables=os.environ))

    @classmethod
    def unpack(cls, packed: Mapping[str, object]) -> "Submitter":
        """Raises ValueError when it is none."""
        token, variables = packed.get("token"), packed.get("variables")
        if not isinstance(token, str | None) or not isinstance(variables, dict):
            raise ValueError("This is no submitter.")
        return cls(token=SecretStr(token) if token else None, variables=variables)

    def pack(self) -> dict[str, object]:
        token = self.token.get_secret_value() if self.token else None
        return {"token": token, "variables": dict(self.variables)}

    def environment(self) -> dict[str, str]:
        """The variables that a process which acts for them may see, the token among them."""
        return allowed_environment(token=self.token, variables=self.variables)


def pack_all(submitters: Mapping[str, Submitter]) -> bytes:
    return json.dumps({run: submitter.pack() for run, submitter in submitters.items()}).encode()


def unpack_all(packed: bytes) -> dict[str, Submitter]:
    """By the ids of their runs. Raises ValueError when it can't be read."""
    found = json.loads(packed)
    return {run: Submitter.unpack(submitter) for run, submitter in found.items()}
