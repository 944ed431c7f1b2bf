"""The real client library in processes of its own, and scripts for it."""

import inspect
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

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


# Where client processes come from: what the library stands on is imported there once. The library
# itself is not, because it reads its environment when it is imported.
NURSERY = get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.hub.client", "httpx2", "fsspec", "tqdm.auto", "hf_xet"])


def serve(environment: dict[str, str], asked: Connection) -> None:
    """Be a process that has the library, and run scripts for as long as somebody asks."""
    os.environ.update(environment)
    while True:
        try:
            scripts, arguments, token = asked.recv()
        except EOFError:
            return
        # Read at each request.
        os.environ["HF_TOKEN"] = token or ""
        asked.send([_outcome(script, arguments) for script in scripts])


def _outcome(script: str, arguments: list[str]) -> dict[str, Any]:
    """What a script leaves in `result`, or its error."""
    names: dict[str, Any] = {"arguments": arguments}
    try:
        exec("from huggingface_hub import *\napi = HfApi()\n" + inspect.cleandoc(script), names)
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        return {"error": type(error).__name__, "status": status}
    # Whatever it is, it comes as plain data.
    return {"result": json.loads(json.dumps(names.get("result")))}


class Asked(NamedTuple):
    """A process that was asked, and where it goes once it has answered."""

    process: Connection
    free: list[Connection]


@dataclass(frozen=True)
class Client:
    """The real client library in processes of its own, with a cache of its own.

    A process works for one double, and is asked again once it has answered.
    """

    home: Path
    _free: dict[str, list[Connection]] = field(default_factory=dict)
    _begun: list[Connection] = field(default_factory=list)

    def start(
        self, hub: HubDouble, scripts: Sequence[str], *arguments: object, token: str | None = ADA
    ) -> Asked:
        free = self._free.setdefault(hub.endpoint, [])
        process = free.pop() if free else self._begin(hub)
        process.send((list(scripts), [str(argument) for argument in arguments], token))
        return Asked(process, free)

    def _begin(self, hub: HubDouble) -> Connection:
        ours, theirs = NURSERY.Pipe()
        environment = hub.environment(home=self.home)
        NURSERY.Process(target=serve, args=(environment, theirs), daemon=True).start()
        theirs.close()
        self._begun.append(ours)
        return ours

    def finish(self, asked: Asked) -> list[Any]:
        assert asked.process.poll(PATIENCE)
        outcomes: list[Any] = asked.process.recv()
        asked.free.append(asked.process)
        return outcomes

    def end(self) -> None:
        for process in self._begun:
            process.close()

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
