"""The real client library in a process of its own, and scripts for it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub import HubDouble

ADA = "hf_ada_writes"
READER = "hf_ada_reads"
BOB = "hf_bob_writes"
FINE = "hf_ada_writes_bot_only"
PATIENCE = 120

# The error that a script ends in, and its status.
Outcome = tuple[str | None, int | None]

DONE: Outcome = (None, None)
FORBIDDEN: Outcome = ("HfHubHTTPError", 403)

# Runs the scripts given to it; what each leaves in `result`, or its error, goes into the last line.
RUNNER = """
import inspect, json, sys
outcomes = []
for script in json.loads(sys.argv[1]):
    names = {"arguments": sys.argv[2:]}
    try:
        exec("from huggingface_hub import *\\napi = HfApi()\\n" + inspect.cleandoc(script), names)
        outcomes.append({"result": names.get("result")})
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        outcomes.append({"error": type(error).__name__, "status": status})
print(json.dumps(outcomes))
"""

UPLOAD = 'result = upload_folder(folder_path=arguments[0], repo_id="ada/bot").oid'
DOWNLOAD = 'result = snapshot_download("ada/bot", revision="main")'

LIST = """
    tree = list_repo_tree("ada/bot", recursive=True)
    result = {
        entry.path: [entry.size, entry.lfs and entry.lfs.sha256, entry.xet_hash]
        for entry in tree if hasattr(entry, "size")
    }
"""

SPACE = "ada/factory"
HARDWARE = f'request_space_hardware("{SPACE}", "t4-small")'
COPY = f'duplicate_repo("{SPACE}", "ada/copy", repo_type="space")'


@dataclass(frozen=True)
class Client:
    """The real client library in a process of its own, with a cache of its own."""

    home: Path

    def start(
        self, hub: HubDouble, scripts: Sequence[str], *arguments: object, token: str | None = ADA
    ) -> subprocess.Popen[str]:
        environment = {**os.environ, **hub.environment(home=self.home, token=token)}
        command = [sys.executable, "-c", RUNNER, json.dumps(scripts), *map(str, arguments)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str]) -> list[Any]:
        output = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0
        outcomes: list[Any] = json.loads(output.splitlines()[-1])
        return outcomes

    def run_all(
        self, hub: HubDouble, scripts: Sequence[str], *arguments: object, token: str | None = ADA
    ) -> list[Any]:
        """Run scripts one after another; each gives its `result`, or its `error` and `status`."""
        return self.finish(self.start(hub, scripts, *arguments, token=token))

    def run(self, hub: HubDouble, script: str, *arguments: object, token: str | None = ADA) -> Any:
        """Run one script that must succeed; returns its `result`."""
        return self.run_all(hub, [script], *arguments, token=token)[0]["result"]

    def expect(
        self, hub: HubDouble, outcomes: Mapping[str, Outcome], *, token: str | None = ADA
    ) -> None:
        """Run scripts; each must end in the error and status given for it, or in none."""
        met = self.run_all(hub, list(outcomes), token=token)
        assert {
            script: (outcome.get("error"), outcome.get("status"))
            for script, outcome in zip(outcomes, met, strict=True)
        } == outcomes
