"""Signing in with the Hub double, by Gradio's routes and by hand, and what the tokens may do."""

import base64
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.hub import HubDouble
from tests.hub.client import ADA, BOB, DONE, FORBIDDEN, Client, Outcome
from tests.hub.gradio_app import serving, sign_in, who_is
from tests.waiting import wait_until

pytestmark = pytest.mark.process
SCOPES = "openid profile contribute-repos gated-repos"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    with _hub(tmp_path_factory.mktemp("hub")) as double:
        yield double


@pytest.fixture(scope="module")
def app(hub: HubDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Gradio app on what it takes for a Space."""
    home = tmp_path_factory.mktemp("app")
    with serving(hub, home) as address:
        yield address


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
        told = who_is(app, session=sign_in(app))
        profile = told["profile"]
        assert (profile["preferred_username"], profile["name"]) == (name, name.title())
        assert profile["profile"] == f"{hub.endpoint}/{name}"
        assert set(told["scope"].split()) == set(SCOPES.split())
        asked = httpx.get(f"{hub.endpoint}/oauth/userinfo", headers=_bearer(told["token"])).json()
        assert {org["preferred_username"]: org["roleInOrg"] for org in asked.pop("orgs")} == orgs
        assert asked == {key: profile[key] for key in asked}
        who = client.run(hub, "result = whoami(arguments[0])", told["token"])
        assert {org["name"]: org["roleInOrg"] for org in who["orgs"]} == orgs
    assert who_is(app, session=None) == {}


def test_forged_session_is_nobodys(app: str) -> None:
    forged = base64.b64encode(b'{"oauth_info": {"userinfo": {}}}').decode() + ".x.y"
    assert who_is(app, session=forged) == {}


def test_session_holds_organizations_where_the_hub_tells_them(hub: HubDouble, app: str) -> None:
    hub.add_oauth_app(scopes=SCOPES.split(), tells_orgs=True)
    hub.sign_in_as("ada")
    session = sign_in(app)
    hub.add_oauth_app(scopes=SCOPES.split())
    orgs = who_is(app, session=session)["profile"]["orgs"]
    assert [org["preferred_username"] for org in orgs] == ["acme", "readers"]


def test_session_ends_with_its_token(hub: HubDouble, app: str) -> None:
    hub.add_oauth_app(scopes=SCOPES.split(), expires_in=6)
    hub.sign_in_as("ada")
    session = sign_in(app)
    hub.add_oauth_app(scopes=SCOPES.split())
    assert who_is(app, session=session)["profile"]["preferred_username"] == "ada"
    wait_until(lambda: who_is(app, session=session) == {}, seconds=30)


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


def test_tokens_may_do_what_was_agreed_to(tmp_path: Path, client: Client) -> None:
    with _hub(tmp_path / "hub") as hub:
        hub.add_oauth_app(scopes=[*SCOPES.split(), "write-repos", "write-discussions"])
        hub.add_repo(repo_id="ada/old")
        hub.add_repo(repo_id="ada/private", private=True)
        hub.add_repo(repo_id="acme/gated", gated=True, files={"a.json": b"{}"})
        expected: dict[tuple[str, ...], dict[str, Outcome]] = {
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
            client.expect(hub, outcomes, token=token)


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
