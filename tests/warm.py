"""Warm processes for the tests of a worker, as several servers may share one.

What a test's runs and pages start is forked from one where their environment is the same, so most
tests give theirs the same folders for what libraries keep, and the same address of the Hub.
"""

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest.mock import patch

from core.machine.environment import read_once
from core.machine.warm import OFF, VARIABLE, begin_warm

# Of this worker, for what libraries keep of the Hub that is nowhere, and of a test's own.
FOLDER = Path(tempfile.mkdtemp(prefix="tests-of-smolfactory-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# Below what the system gives to whoever asks for any.
HUB_PORT = 20_000 + os.getpid() % 10_000
# Nobody listens there: the Hub is out of reach at once.
NOWHERE = {"HF_HOME": str(FOLDER / "nowhere"), "HF_ENDPOINT": "http://127.0.0.1:9"}
HUB_HOME = FOLDER / "hub"
HUB = {"HF_HOME": str(HUB_HOME), "HF_ENDPOINT": f"http://127.0.0.1:{HUB_PORT}"}
# Each holds half a gigabyte.
LIMIT = 3

Environment = tuple[tuple[str, str], ...]
_begun: dict[Environment, tuple[str, subprocess.Popen[bytes]]] = {}


def warmed(environment: dict[str, str]) -> dict[str, str]:
    """The environment, with the address of a warm process that has read it.

    One with other folders or another Hub is seen once, and what it starts does without, unless a
    test has said otherwise.
    """
    if VARIABLE in environment:
        return environment
    if not any(shared.items() <= environment.items() for shared in (NOWHERE, HUB)):
        return environment | {VARIABLE: OFF}
    key = tuple(sorted(read_once(environment).items()))
    if key not in _begun and len(_begun) == LIMIT:
        # The one that was begun first is needed least, and whoever knows it does without.
        _, first = _begun.pop(next(iter(_begun)))
        first.kill()
        first.wait()
    if key not in _begun:
        address = f"tests-of-smolfactory-{secrets.token_hex(16)}"
        with patch.dict(os.environ, dict(key), clear=True):
            _begun[key] = address, begin_warm(address)
    return environment | {VARIABLE: _begun[key][0]}
