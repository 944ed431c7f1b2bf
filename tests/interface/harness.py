"""A real server in a process of its own, a browser, and run folders: what the page's tests use."""

import base64
import hashlib
import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio_client import Client
from itsdangerous import TimestampSigner
from playwright.sync_api import BrowserContext, Page

from core.config.parse import parse_config
from core.machine.source_tree import ROOT
from core.runs.events import (
    CheckpointSaved,
    Evaluation,
    Event,
    EventWriter,
    Metric,
    Progress,
    StateChanged,
)
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from tests.command_line import environment_of
from tests.hub import HubDouble
from tests.saved_checkpoint import save_checkpoint
from tests.tiny_model import make_tiny_model
from tests.waiting import wait_until
from tests.warm import warmed

OAUTH_SECRET = "not-a-real-secret"
SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "acme/smolfactory",
    "SPACE_HOST": "acme-smolfactory.hf.space",
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": OAUTH_SECRET,
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
    "HOST": "127.0.0.1",
}


@dataclass
class Server:
    """The page's process. `store` reads and writes the same home folder."""

    home: Path
    port: int
    process: subprocess.Popen[str]
    store: RunStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = RunStore(self.home)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> Client:
        return Client(self.url, verbose=False, headers=headers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spawn(home: Path, *, port: int, **environment: str) -> subprocess.Popen[str]:
    """Start the page's process, with no way to any other machine."""
    return subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=warmed(environment_of(home) | {"PORT": str(port)} | environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def serving(home: Path, **environment: str) -> Iterator[Server]:
    port = int(environment.pop("PORT", 0)) or free_port()
    process = spawn(home, port=port, **environment)
    try:
        said = ""
        while f":{port}" not in said:
            line = process.stdout.readline() if process.stdout else ""
            assert line, f"The page did not start: {said}"
            said += line
        yield Server(home=home, port=port, process=process)
    finally:
        process.terminate()
        process.wait(timeout=90)
        if process.stdout:
            process.stdout.close()


def open_form(context: BrowserContext, server: Server) -> Page:
    opened = context.new_page()
    opened.goto(server.url)
    opened.locator("#yaml").get_by_text("version").wait_for()
    return opened


def add_model(hub: HubDouble, repo_id: str, *, template: str | None, made_in: Path) -> str:
    """A tiny model on the Hub, with this chat template. Returns its name."""
    folder = make_tiny_model(made_in / repo_id, template=template)
    hub.add_repo(repo_id=repo_id, files={f.name: f.read_bytes() for f in folder.iterdir()})
    return repo_id


def wait_for_page(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until the page's own events have made it true: they come only while it is waited for."""

    def looked() -> bool:
        page.wait_for_timeout(50)
        return condition()

    wait_until(looked)


def without_default(client: Client) -> dict[str, None]:
    """The settings that are empty by default: the client wants to be told."""
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = endpoints["/preview"]["parameters"]
    return {p["parameter_name"]: None for p in parameters if not p["parameter_has_default"]}


def sign_in_cookie(
    name: str,
    *,
    organizations: tuple[str, ...] = (),
    role: str = "write",
    expires_in: int = 24 * 3600,
) -> str:
    """The session cookie that Gradio sets after a sign-in with Hugging Face.

    `role` is what the person may do in their organizations.
    """
    info = {
        "userinfo": {
            "name": name,
            "preferred_username": name,
            "profile": f"https://huggingface.co/{name}",
            "picture": "",
            "orgs": [{"preferred_username": org, "roleInOrg": role} for org in organizations],
        },
        "access_token": f"token-of-{name}",
        "expires_at": time.time() + expires_in,
    }
    key = hashlib.sha256(f"{OAUTH_SECRET}-v4".encode()).hexdigest()
    data = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    return f"session={TimestampSigner(key).sign(data).decode()}"


def make_run(store: RunStore, *, state: RunState, steps: int = 0, **output: Any) -> Run:
    """Write a run's folder as the supervisor and the trainer would."""
    config = parse_config({"output": {"name": "written-by-hand", **output}})
    run, _ = store.create(config, files={}, submission=uuid.uuid4().hex)
    write(run, StateChanged(state=RunState.TRAINING), *training(range(1, steps + 1)))
    if steps >= 5:
        save_checkpoint(run.paths.checkpoints, step=steps - steps % 5)
    write(run, StateChanged(state=state))
    status = run.status()
    run.write_status(status.model_copy(update={"state": state, "step": steps, "total": 40}))
    return run


def write(run: Run, *events: Event) -> None:
    writer = EventWriter(run.paths.events)
    for event in events:
        writer.write(event)


def training(steps: range) -> Iterator[Event]:
    for step in steps:
        values = {"loss": 2 / step, "learning_rate": 1e-3, "grad_norm": 0.5}
        yield Metric(step=step, values=values | {"mean_token_accuracy": 0.9})
        if step % 5 == 0:
            yield Evaluation(step=step, values={"eval_loss": 2.1 / step})
            yield CheckpointSaved(step=step)
        yield Progress(
            step=step,
            total=40,
            epoch=step / 40,
            tokens=step * 1000,
            tokens_per_second=123.0,
            seconds=step * 2.0,
            eta=(40 - step) * 2.0,
        )
