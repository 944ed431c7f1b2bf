"""Signing in with the Hub double, by Gradio's own routes and by hand, and what the tokens may do.

How a test signs in to a Gradio app: give its process `hub.oauth_environment()`, SYSTEM=spaces,
SPACE_ID and SPACE_HOST=127.0.0.1:PORT, all set before Gradio is imported. Gradio prints the way
back as `https://127.0.0.1:PORT/login/callback`; the double sends the browser there by http. With
Chromium nothing else is needed. An HTTP client of Python's must hand the Secure session cookie over
itself, as `_sign_in` does: its cookie jar keeps it for https alone.
"""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.conftest import wait_until
from tests.hub import HubDouble
from tests.hub.test_double import Client

pytestmark = pytest.mark.process

ADA = "hf_ada_writes"
BOB = "hf_bob_writes"
SCOPES = "openid profile contribute-repos gated-repos"

APP = """
import sys
import gradio as gr

def who(profile: gr.OAuthProfile | None, token: gr.OAuthToken | None):
    if profile is None or token is None:
        return {}
    return {"profile": dict(profile), "token": token.token, "scope": token.scope}

with gr.Blocks() as page:
    gr.LoginButton()
    shown = gr.JSON()
    page.load(who, None, shown, api_name="who")
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    with _hub(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture(scope="module")
def app(hub: HubDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Gradio app on what it takes for a Space."""
    home = tmp_path_factory.mktemp("app")
    with _serving(hub, home) as address:
        yield address


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "home")


def test_person_signs_in_to_gradio_and_out_again(
    hub: HubDouble, app: str, context: BrowserContext
) -> None:
    hub.sign_in_as(None)
    context.clear_cookies()
    page = context.new_page()
    page.goto(app)
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    expect(page.get_by_text(f"It asks for: {SCOPES}")).to_be_visible()
    page.get_by_role("button", name="Authorize as ada").click()
    page.get_by_role("button", name="Logout (ada)").wait_for()
    assert page.url.startswith(app)
    page.get_by_role("button", name="Logout (ada)").click()
    page.get_by_role("button", name="Sign in with Hugging Face").wait_for()


def test_session_belongs_to_who_signed_in(hub: HubDouble, app: str, client: Client) -> None:
    for name, orgs in (("ada", {"acme": "write", "readers": "read"}), ("bob", {})):
        hub.sign_in_as(name)
        told = _who(app, session=_sign_in(app))
        profile = told["profile"]
        assert (profile["preferred_username"], profile["name"]) == (name, name.title())
        assert profile["profile"] == f"{hub.endpoint}/{name}"
        assert set(told["scope"].split()) == set(SCOPES.split())
        asked = httpx.get(f"{hub.endpoint}/oauth/userinfo", headers=_bearer(told["token"])).json()
        assert {org["preferred_username"]: org["roleInOrg"] for org in asked.pop("orgs")} == orgs
        assert asked == {key: profile[key] for key in asked}
        who = client.run(hub, "result = whoami(arguments[0])", told["token"])
        assert {org["name"]: org["roleInOrg"] for org in who["orgs"]} == orgs
    assert _who(app, session=None) == {}


def test_forged_session_is_nobodys(app: str) -> None:
    forged = base64.b64encode(b'{"oauth_info": {"userinfo": {}}}').decode() + ".x.y"
    assert _who(app, session=forged) == {}


def test_session_holds_organizations_where_the_hub_tells_them(hub: HubDouble, app: str) -> None:
    hub.add_oauth_app(scopes=SCOPES.split(), tells_orgs=True)
    hub.sign_in_as("ada")
    session = _sign_in(app)
    hub.add_oauth_app(scopes=SCOPES.split())
    orgs = _who(app, session=session)["profile"]["orgs"]
    assert [org["preferred_username"] for org in orgs] == ["acme", "readers"]


def test_session_ends_with_its_token(hub: HubDouble, app: str) -> None:
    hub.add_oauth_app(scopes=SCOPES.split(), expires_in=6)
    hub.sign_in_as("ada")
    session = _sign_in(app)
    hub.add_oauth_app(scopes=SCOPES.split())
    assert _who(app, session=session)["profile"]["preferred_username"] == "ada"
    wait_until(lambda: _who(app, session=session) == {}, seconds=30)


def test_denial_comes_back_as_an_error(hub: HubDouble) -> None:
    hub.sign_in_as(None)
    url = _authorize_url(hub, "https://app.example/login/callback?_target_url=/")
    answer = httpx.post(url, data={"user": ""})
    assert _query(answer) == {
        "_target_url": "/",
        "state": "s",
        "error": "access_denied",
        "error_description": "The user denied the request",
    }


def test_browser_returns_by_http_on_this_machine_alone(hub: HubDouble) -> None:
    hub.sign_in_as("bob")
    for given, returned in (
        ("https://127.0.0.1:7860/login/callback", "http://127.0.0.1:7860/login/callback"),
        ("https://app.example/login/callback", "https://app.example/login/callback"),
    ):
        answer = httpx.get(_authorize_url(hub, given))
        assert answer.headers["location"].split("?")[0] == returned


def test_code_is_good_for_its_own_app_once(hub: HubDouble) -> None:
    hub.sign_in_as("bob")
    back = "https://app.example/login/callback"

    def redeem(code: str, *, uri: str = back, secret: str = "app-secret") -> tuple[int, Any]:
        answer = httpx.post(
            f"{hub.endpoint}/oauth/token",
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": uri},
            auth=("smolfactory", secret),
        )
        return answer.status_code, answer.json().get("error")

    def new_code() -> str:
        return _query(httpx.get(_authorize_url(hub, back)))["code"]

    code = new_code()
    assert redeem(code, secret="wrong") == (401, "invalid_client")
    assert redeem(code) == (200, None)
    assert redeem(code) == (400, "invalid_grant")
    assert redeem(new_code(), uri="https://other.example/") == (400, "invalid_grant")
    assert httpx.get(_authorize_url(hub, back, client="unknown")).status_code == 400
    assert _query(httpx.get(_authorize_url(hub, back, scope="openid jobs")))["error"] == (
        "invalid_scope"
    )


CREATE = 'create_repo("ada/made")'
CREATE_FOR_ORG = 'create_repo("acme/made")'
WRITE = 'upload_file(path_or_fileobj=b"{}", path_in_repo="b.json", repo_id="ada/made")'
WRITE_OLD = WRITE.replace("made", "old")
READ_PRIVATE = 'list_repo_files("ada/private")'
GATED = 'hf_hub_download("acme/gated", "a.json")'
PROPOSE = 'create_pull_request("ada/old", title="Better")'
DONE = (None, None)
FORBIDDEN = ("HfHubHTTPError", 403)


def test_tokens_may_do_what_was_agreed_to(tmp_path: Path, client: Client) -> None:
    with _hub(tmp_path / "hub") as hub:
        hub.add_oauth_app(scopes=[*SCOPES.split(), "write-repos", "write-discussions"])
        hub.add_repo(repo_id="ada/old")
        hub.add_repo(repo_id="ada/private", private=True)
        hub.add_repo(repo_id="acme/gated", gated=True, files={"a.json": b"{}"})
        expected: dict[tuple[str, ...], dict[str, object]] = {
            ("openid", "profile"): {
                CREATE: FORBIDDEN,
                WRITE_OLD: FORBIDDEN,
                GATED: ("GatedRepoError", 403),
                READ_PRIVATE: ("RepositoryNotFoundError", 404),
                PROPOSE: FORBIDDEN,
            },
            ("openid", "profile", "contribute-repos"): {
                CREATE: DONE,
                CREATE_FOR_ORG: DONE,
                WRITE: DONE,
                WRITE_OLD: FORBIDDEN,
                GATED: ("GatedRepoError", 403),
            },
            ("contribute-repos", "gated-repos"): {WRITE: DONE, GATED: DONE},
            ("write-repos", "write-discussions"): {
                WRITE_OLD: DONE,
                READ_PRIVATE: DONE,
                CREATE.replace("made", "new"): FORBIDDEN,
                PROPOSE: DONE,
            },
        }
        for scopes, outcomes in expected.items():
            token = hub.give_oauth_token(name="ada", scopes=scopes)
            met = client.run_all(hub, list(outcomes), token=token)
            assert {
                script: (outcome.get("error"), outcome.get("status"))
                for script, outcome in zip(outcomes, met, strict=True)
            } == outcomes


def test_whoami_answers_until_the_token_ends(tmp_path: Path, client: Client) -> None:
    with _hub(tmp_path / "hub") as hub:
        lasting = hub.give_oauth_token(name="ada")
        hub.add_oauth_app(client_id="hasty", expires_in=0)
        ended = hub.give_oauth_token(name="ada")
        script = "result = whoami(arguments[0])"
        told = client.run(hub, script, lasting)
        assert (told["name"], told["auth"]["type"], "email" in told) == ("ada", "oauth", False)
        assert [org["name"] for org in told["orgs"]] == ["acme", "readers"]
        assert client.run_all(hub, [script], ended)[0]["status"] == 401


def _hub(root: Path) -> HubDouble:
    hub = HubDouble(root=root)
    hub.add_user(name="ada", token=ADA, orgs={"acme": "write", "readers": "read"})
    hub.add_user(name="bob", token=BOB)
    hub.add_oauth_app(scopes=SCOPES.split())
    return hub


@contextmanager
def _serving(hub: HubDouble, home: Path) -> Iterator[str]:
    port = _free_port()
    environment = {
        **os.environ,
        **hub.environment(home=home),
        **hub.oauth_environment(),
        "SYSTEM": "spaces",
        "SPACE_ID": "acme/factory",
        "SPACE_HOST": f"127.0.0.1:{port}",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    log = home / "app.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", APP, str(port)], env=environment, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or _answers(address))
            assert process.poll() is None, log.read_text()
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _sign_in(app: str) -> str:
    """Go through the whole flow without a browser; returns the session cookie."""
    session = ""
    url = f"{app}/login/huggingface?_target_url=/"
    for _ in range(4):
        headers = {"Cookie": f"session={session}"} if url.startswith(app) else {}
        answer = httpx.get(url, headers=headers)
        session = _session(answer) or session
        url = answer.headers.get("location", "")
        if url == "/":
            return session
    raise AssertionError(f"The sign-in ended with {answer.status_code}: {answer.text[:500]}")


def _session(answer: httpx.Response) -> str | None:
    match = re.match(r"session=([^;]+)", answer.headers.get("set-cookie", ""))
    return match and match[1]


def _who(app: str, *, session: str | None) -> Any:
    headers = {"Cookie": f"session={session}"} if session else {}
    call = f"{app}/gradio_api/call/who"
    event = httpx.post(call, json={"data": []}, headers=headers).json()["event_id"]
    stream = httpx.get(f"{call}/{event}", headers=headers, timeout=30).text
    assert "event: complete" in stream
    return json.loads(stream.split("data: ")[-1])[0]


def _authorize_url(
    hub: HubDouble, back: str, *, client: str = "smolfactory", scope: str = "openid"
) -> str:
    query = {"response_type": "code", "client_id": client, "redirect_uri": back}
    query |= {"scope": scope, "state": "s"}
    return f"{hub.endpoint}/oauth/authorize?{urllib.parse.urlencode(query)}"


def _query(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
