"""Who may do what, of every event of the page: a new one is refused to strangers or named here."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client.exceptions import AppError

from core.config.parse import parse_config
from core.config.presets import save_preset
from core.runs.state import RunState
from tests.interface.harness import Server, make_run, sign_in_cookie

pytestmark = pytest.mark.browser

REFUSED = "Only the owner of this Space can do this."
COLUMN, MODEL_HERE = "a-secret-column", "has positions for 2,048 tokens"
NAME, LOG = "a-secret-name", "a line that only the owner may read"
NO_RUN = "20260101-000000-00000000"
# What anyone may ask for: what the form says of itself, and how to get a Space of one's own. A
# number that Gradio puts behind the name of a second handler is left out.
OPEN = {
    "_about", "_added", "_check_login_status", "_choose", "_fill", "_fill_menus",
    "_learning_rate", "_load", "_look", "_offer", "_show_account", "_show_space", "_shown",
    "_tell_prices", "_tick", "follow", "leap", "look", "page", "preview", "search",
    "test_token",
}  # fmt: skip
# What somebody does with their own account: nobody may without one.
OWN = {"duplicate": "Nobody is signed in."}
STRANGERS = {
    "nobody": {},
    "a visitor": {"cookie": sign_in_cookie("mallory")},
    "a reader of the owner": {
        "cookie": sign_in_cookie("reader", organizations=("acme",), role="read")
    },
}
OWNER = {"cookie": sign_in_cookie("acme")}


Event = dict[str, Any]


@dataclass
class App:
    """The page's own list of events, and a way to ask for them as the page does."""

    server: Server
    config: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.config = httpx.get(f"{self.server.url}/config").json()

    def events(self) -> Iterator[tuple[str, Event]]:
        for event in self.config["dependencies"]:
            if event["backend_fn"]:
                yield re.sub(r"_\d+$", "", str(event["api_name"])), event

    def values(self, event: Event, *, run_id: str) -> list[Any]:
        """What the page would send before anybody has filled it in, while it shows a run.

        Whoever chooses a preset guesses the name of one that somebody saved, and whoever looks at
        a run asks a model that lies here for more than it can.
        """
        components = {each["id"]: each for each in self.config["components"]}
        known = {"run-id": run_id}
        match event["api_name"]:
            case "_choose":
                known["preset"] = "own/their-own"
            case "preview":
                known["field-method-max_length"] = "4096"
        return [_value(components[each], known) for each in event["inputs"]]

    def answers(self, headers: dict[str, str], *, run_id: str) -> Iterator[tuple[str, str]]:
        """The name of each event, and all that is told through the queue until it is over."""
        names: dict[str, str] = {}
        told: dict[str, str] = {}
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=120) as client:
            for name, event in self.events():
                joined = client.post(
                    "/gradio_api/queue/join",
                    json={
                        "fn_index": event["id"],
                        "data": self.values(event, run_id=run_id),
                        "session_hash": "asks",
                    },
                )
                assert joined.status_code == 200, (name, joined.text)
                names[joined.json()["event_id"]] = name
            for message in _told(client):
                told[message["event_id"]] = told.get(message["event_id"], "") + json.dumps(message)
                if message["msg"] == "process_completed":
                    event_id = message["event_id"]
                    yield names.pop(event_id), told.pop(event_id)
                if not names:
                    return
        raise AssertionError(f"These never ended: {names}")


def _told(client: httpx.Client) -> Iterator[Event]:
    address, session = "/gradio_api/queue/data", {"session_hash": "asks"}
    with client.stream("GET", address, params=session) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if message.get("event_id"):
                yield message


def _value(component: Event, known: dict[str, str]) -> Any:
    value = known.get(component["props"].get("elem_id"), component["props"].get("value"))
    return "" if value is None and component["type"] == "textbox" else value


def files_of(home: Path) -> dict[str, int]:
    folders = (home / name for name in ("runs", "queue", "submissions", "downloads", "uploads"))
    return {str(path): path.stat().st_mtime_ns for each in folders for path in each.rglob("*")}


def save_a_preset(home: Path) -> None:
    save_preset(parse_config({"columns": {"prompt": COLUMN}}), title="Their own", home=home)


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_learns_and_changes_nothing(space: Server, who: str) -> None:
    run = make_run(space.store, state=RunState.STOPPED, steps=3, name=NAME)
    run.paths.log.write_text(LOG, encoding="utf-8")
    save_a_preset(space.home)
    before, refused = files_of(space.home), set()
    for name, told in App(space).answers(STRANGERS[who], run_id=run.id):
        for secret in (NAME, LOG, COLUMN, MODEL_HERE, "token-of-"):
            assert secret not in told, name
        if name in OWN:
            assert OWN[name] in told or STRANGERS[who], name
        elif name not in OPEN:
            assert REFUSED in told, f"{name} is not refused to {who}: refuse it, or name it in OPEN"
            refused.add(name)
    assert {"start", "stop", "cancel", "resume", "push", "restore", "request_hardware"} <= refused
    assert files_of(space.home) == before


def test_the_owner_is_refused_none_of_them(space: Server) -> None:
    save_a_preset(space.home)
    # Of no run, so that nothing starts.
    answers = list(App(space).answers(OWNER, run_id=NO_RUN))
    assert OPEN | OWN.keys() <= {name for name, _ in answers}
    assert [name for name, told in answers if REFUSED in told] == []
    assert [name for name, told in answers if COLUMN in told] == ["_choose"]
    assert [name for name, told in answers if MODEL_HERE in told] == ["preview"]


def test_the_api_refuses_a_stranger_as_the_page_does(space: Server) -> None:
    """By name, as Gradio's own client asks."""
    run = make_run(space.store, state=RunState.STOPPED, steps=3)
    client, app, asked = space.client(), App(space), 0
    for name, event in app.events():
        if event["api_visibility"] != "public" or name in OPEN | OWN.keys():
            continue
        with pytest.raises(AppError, match=REFUSED):
            client.predict(*app.values(event, run_id=run.id), api_name=f"/{event['api_name']}")
        asked += 1
    assert asked > 5
