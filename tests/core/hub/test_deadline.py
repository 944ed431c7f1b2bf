"""A Hub that takes a connection and never answers holds nothing up, and is told of in words."""

import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd

from core.checkpoint_sync.repository import SyncRepository
from core.checkpoint_sync.restorable import restorable_runs
from core.checkpoint_sync.status import SyncStatus, is_held_elsewhere
from core.config.parse import parse_config
from core.errors import HubUnreachable, InvalidConfig
from core.hub import lookups, permissions, spaces
from core.hub.account import account
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.jobs import preflight
from core.publish import demo_space, push, tracking
from core.runs.events import EventWriter
from core.runs.store import Run, RunStore
from tests.core.conftest import NEAR_TOKEN as TOKEN
from tests.hub import HubDouble

SECONDS = 0.1
# A call may take four times as long, and this machine a while for each.
LONGEST = 4 * SECONDS + 1.5
CONFIG = parse_config(
    {
        "version": 2,
        "model": {"name": "acme/tiny"},
        "output": {"name": "bot", "push_to_hub": True, "sync_checkpoints": True},
    }
)


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the Hub has little time, too little for one that answers on a busy machine."""
    monkeypatch.setenv("SMOLFACTORY_HUB_SECONDS", str(SECONDS))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One that has a model, and whose checkpoints are synced."""
    made, _ = RunStore(tmp_path / "home").create(CONFIG, files={}, submission="ab" * 8)
    made.paths.model.mkdir()
    known = SyncStatus(repo="ada/bot", step=4).model_dump_json()
    made.paths.sync_status.write_text(known, encoding="utf-8")
    return made


def entries(run: Run) -> dict[str, Callable[[], object]]:
    """All that a person, the page or a run asks of the Hub."""
    repository = SyncRepository("ada/bot", token=TOKEN, here="here")
    events = EventWriter(run.paths.events)
    nothing: dict[str, Path] = {}
    return {
        "a model": lambda: lookups.model_info("acme/tiny", revision=None, token=TOKEN),
        "a dataset": lambda: lookups.dataset_info("acme/rows", revision=None, token=TOKEN),
        "a search": lambda: lookups.search_datasets("rows", token=TOKEN),
        "whether one may push": lambda: permissions.target_repo(CONFIG.output, TOKEN),
        "whether one may track": lambda: permissions.experiments_repo(CONFIG.output, TOKEN),
        "the start of a run": lambda: preflight.check(
            CONFIG, files=nothing, home=run.home, token=TOKEN, report=lambda _: None
        ),
        "what can be restored": lambda: restorable_runs(TOKEN),
        "whose a run is": lambda: is_held_elsewhere(run, token=TOKEN, here="here"),
        "to create a sync": repository.create,
        "a sync": repository.newest_commit,
        "to delete a sync": repository.delete,
        "a push": lambda: push.push(run, token=TOKEN, events=events),
        "a demo": lambda: demo_space.deploy(run, token=TOKEN, report=lambda _: None),
        "measurements": lambda: tracking.publish(run, token=TOKEN),
        "a Space": lambda: spaces.look("acme/factory", token=TOKEN),
        "prices": spaces.hardware_choices,
        "hardware": lambda: spaces.request_hardware("acme/factory", "t4-small", token=TOKEN),
        "a copy": lambda: spaces.duplicate("acme/factory", token=TOKEN),
    }


@pytest.mark.parametrize("knows_who", [False, True], ids=["from the start", "after a while"])
def test_a_silent_hub_is_told_of_in_time(
    near_hub: HubDouble, run: Run, knows_who: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.hub.upload.PAUSE_SECONDS", 0)
    # For how long a push waits for a Hub that restarts is another matter.
    monkeypatch.setattr("core.publish.push.PATIENCE_SECONDS", 0)
    if knows_who:
        assert account(TOKEN).name == "ada"
    near_hub.silence()
    shorten(monkeypatch)
    for name, ask in entries(run).items():
        began = time.monotonic()
        with pytest.raises((HubUnreachable, InvalidConfig), match="did not respond") as told:
            ask()
        # A push tries three times.
        assert time.monotonic() - began < LONGEST * (3 if name == "a push" else 1), name
        assert near_hub.endpoint in str(told.value), name
        assert "Check the network" in str(told.value), name
    # What is in the cache needs no token.
    assert not lookups.needs_token(CONFIG)


def test_after_one_wait_for_a_silent_hub_a_start_tells_all_that_needs_it(
    near_hub: HubDouble, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    near_hub.silence()
    shorten(monkeypatch)
    with pytest.raises(InvalidConfig) as told:
        preflight.check(CONFIG, files={}, home=run.home, token=TOKEN, report=lambda _: None)
    assert list(told.value.fields) == [
        "model.name", "output.push_to_hub", "output.sync_checkpoints",
    ]  # fmt: skip
    assert len(near_hub.requests) == 1


def test_a_hub_that_falls_silent_amid_an_upload_is_given_up(
    near_hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    near_hub.silence()
    shorten(monkeypatch)
    files = [CommitOperationAdd("config.json", b"{}")]
    with (
        pytest.raises(HubUnreachable, match="did not respond"),
        hub_errors("the upload to ada/bot", is_transfer=True),
    ):
        hub_client(TOKEN).create_commit("ada/bot", files, commit_message="Add")
    # Ours tries whole uploads again; its client would have tried each request six times.
    assert near_hub.count(path="/preupload/") == 1


def test_a_hub_that_wants_an_hour_of_rest_is_not_waited_for(near_hub: HubDouble) -> None:
    near_hub.fail(path="/api/datasets", status=429, headers={"Retry-After": "3600"}, times=None)
    with pytest.raises(HubUnreachable, match="limiting the rate"):
        lookups.search_datasets("rows", token=TOKEN)


def test_an_answer_that_comes_drop_by_drop_does_not_go_on_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shorten(monkeypatch)
    is_over = threading.Event()

    class Dripping(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not is_over.wait(SECONDS / 4):
                self.wfile.write(b" ")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        began = time.monotonic()
        with pytest.raises(HubUnreachable, match="did not respond"):
            lookups.licences_of("acme/tiny", kind="model", token=None)
        assert time.monotonic() - began < LONGEST
        is_over.set()
        server.shutdown()
