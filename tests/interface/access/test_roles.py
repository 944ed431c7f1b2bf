"""Who may do what: hidden buttons can be called, names forged and cookies ridden on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, BrowserContext, expect

from core.runs.state import RunState
from interface.access.upload_totals import MAX_BYTES, MAX_PERSON_BYTES
from tests.browser.chromium import open_context
from tests.hub import HubDouble
from tests.interface.harness import (
    SPACE,
    Server,
    free_port,
    make_run,
    open_form,
    serving,
    sign_in_cookie,
    spawn,
    without_default,
)
from tests.warm import HUB_HOME

pytestmark = pytest.mark.browser

REFUSED = "Only the owner of this Space can do this."


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        (None, 403),
        (sign_in_cookie("mallory"), 403),
        (sign_in_cookie("acme", expires_in=-5), 403),
        (sign_in_cookie("acme")[:-3] + "abc", 403),
        (sign_in_cookie("ACME"), 200),
        (sign_in_cookie("member", organizations=("other", "acme")), 200),
        (sign_in_cookie("reader", organizations=("acme",), role="read"), 403),
        (sign_in_cookie("nobody", organizations=("acme",), role="no_access"), 403),
    ],
)
def test_only_the_owner_uploads(space: Server, cookie: str | None, status: int) -> None:
    answer = httpx.post(
        f"{space.url}/gradio_api/upload",
        files={"files": ("rows.csv", b"text\nhello\n")},
        headers={"cookie": cookie} if cookie else {},
    )
    assert answer.status_code == status


def test_one_person_can_not_fill_the_disk(space: Server) -> None:
    folder = space.home / "uploads" / "of-acme"
    ledger = space.home / "uploads.json"
    acme, member = sign_in_cookie("acme"), sign_in_cookie("member", organizations=("acme",))
    assert upload(space.url, {"cookie": acme}).is_success
    assert "acme" in json.loads(ledger.read_text()).values()
    folder.mkdir()
    ledger.write_text(json.dumps({folder.name: "acme"}))
    try:
        with (folder / "rows.csv").open("wb") as file:
            # A hole costs no disk.
            file.truncate(MAX_PERSON_BYTES)
        refused = upload(space.url, {"cookie": acme})
        assert (refused.status_code, "deleted after a day" in refused.text) == (413, True)
        assert upload(space.url, {"cookie": member}).is_success
        with (folder / "rows.csv").open("wb") as file:
            file.truncate(MAX_BYTES)
        assert upload(space.url, {"cookie": member}).status_code == 413
    finally:
        shutil.rmtree(folder)
    assert upload(space.url, {"cookie": acme}).is_success
    unknown = httpx.post(
        f"{space.url}/gradio_api/upload", content=iter([b"a"]), headers={"cookie": acme}
    )
    assert unknown.status_code == 411


def test_the_owner_may_act(space: Server) -> None:
    run = make_run(space.store, state=RunState.STOPPED, steps=3)
    client = space.client(cookie=sign_in_cookie("acme"))
    with pytest.raises(AppError, match="This run has ended already"):
        client.predict(run_id=run.id, api_name="/stop")


@pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
def test_what_is_asked_of_the_owner_alone(tmp_path: Path, hub: HubDouble) -> None:
    hub.add_user(name="grace", token="token-of-grace")
    hub.add_user(name="stays", token="token-of-stays", orgs={"acme": "write"})
    hub.add_user(name="left", token="token-of-left", orgs={})
    environment = SPACE | hub.environment(home=HUB_HOME)
    with serving(tmp_path, **environment, SMOLFACTORY_ALLOWED="Grace, ada") as running:
        _expect_a_guest_to_spend_nothing_of_the_owners(running)
        _expect_who_has_left_the_organization_to_be_refused(running)


def _expect_a_guest_to_spend_nothing_of_the_owners(running: Server) -> None:
    client = running.client(cookie=sign_in_cookie("grace"))
    values = without_default(client) | {"submission": ""}
    told = client.predict(**values, output__auto_resume=True, api_name="/start")
    assert "only its owner can turn it on" in str(told)
    with pytest.raises(AppError, match=REFUSED):
        client.predict(name="t4-small", api_name="/request_hardware")
    assert not running.store.list()
    # Nor does it go on by itself when it is resumed.
    asked = {"sync_checkpoints": True, "auto_resume": True}
    run = make_run(running.store, state=RunState.STOPPED, steps=3, **asked)
    with pytest.raises(AppError, match="only its owner can turn it on"):
        client.predict(run_id=run.id, api_name="/resume")


def _expect_who_has_left_the_organization_to_be_refused(running: Server) -> None:
    # The sign-in is of a time when both were members.
    for name, refusal in (("stays", "There is no run"), ("left", REFUSED)):
        client = running.client(cookie=sign_in_cookie(name, organizations=("acme",)))
        with pytest.raises(AppError, match=refusal):
            client.predict(run_id="20260101-000000-00000000", api_name="/stop")


def test_a_stranger_sees_the_form_and_how_to_get_their_own(
    context: BrowserContext, space: Server
) -> None:
    page = open_form(context, space)
    expect(page.get_by_role("link", name="Duplicate this Space")).to_have_attribute(
        "href", "http://127.0.0.1:9/spaces/acme/smolfactory?duplicate=true"
    )
    expect(page.locator("#start")).to_be_disabled()
    expect(page.get_by_role("button", name="Sign in with Hugging Face")).to_be_visible()
    page.get_by_label("Epochs").fill("3")
    expect(page.locator("#summary")).to_contain_text("3 epochs")
    page.get_by_role("tab", name="Runs").click()
    expect(page.locator("#run-blank")).to_contain_text("Runs are private")
    expect(page.locator(".run-row")).to_have_count(0)


def test_the_owner_sees_runs(browser: Browser, space: Server) -> None:
    run = make_run(space.store, state=RunState.STOPPED, steps=3)
    context = open_context(browser, extra_http_headers={"cookie": sign_in_cookie("acme")})
    page = context.new_page()
    page.goto(f"{space.url}/?run={run.id}")
    expect(page.locator("#run-head h2")).to_have_text("written-by-hand", timeout=15_000)
    expect(page.locator("#gate")).to_be_hidden()
    context.close()


def test_a_sign_in_that_proves_nothing_is_not_believed(tmp_path: Path) -> None:
    """Without the platform, Gradio would sign everyone in as this machine's own account."""
    environment = {name: value for name, value in SPACE.items() if name != "SYSTEM"}
    with serving(tmp_path, **environment) as pretended:
        cookie = sign_in_cookie("acme")
        answer = httpx.post(
            f"{pretended.url}/gradio_api/upload",
            files={"files": ("rows.csv", b"text\n")},
            headers={"cookie": cookie},
        )
        assert answer.status_code == 403
        assert httpx.get(f"{pretended.url}/login/huggingface").status_code == 404


Request = Callable[[str, dict[str, str]], httpx.Response]


def get_page(url: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(url, headers=headers)


def upload(url: str, headers: dict[str, str]) -> httpx.Response:
    files = {"files": ("rows.csv", b"text\n")}
    return httpx.post(f"{url}/gradio_api/upload", files=files, headers=headers)


def call(url: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(f"{url}/gradio_api/call/stop", json={"data": ["x"]}, headers=headers)


def join(url: str, headers: dict[str, str]) -> httpx.Response:
    body: dict[str, Any] = {"data": [], "fn_index": 0, "session_hash": "x"}
    return httpx.post(f"{url}/gradio_api/queue/join", json=body, headers=headers)


@pytest.mark.parametrize("request_", [get_page, upload, call, join])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""]
)
def test_another_name_is_refused(server: Server, request_: Request, host: str) -> None:
    assert request_(server.url, {"host": host}).status_code == 421


@pytest.mark.parametrize("request_", [upload, call, join])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_is_refused(
    server: Server, request_: Request, headers: dict[str, str]
) -> None:
    assert request_(server.url, headers).status_code == 403


def test_our_own_names_are_answered(server: Server, space: Server) -> None:
    # Port forwarding gives the page another port on the reader's own machine.
    for host in ("localhost:8000", "127.0.0.1", "[::1]:7860"):
        assert get_page(server.url, {"host": host}).status_code == 200, host
    assert get_page(space.url, {"host": "acme-smolfactory.hf.space"}).status_code == 200
    assert get_page(space.url, {"host": "evil.hf.space"}).status_code == 421
    assert upload(server.url, {"origin": server.url, "sec-fetch-site": "same-origin"}).is_success


def test_only_the_hub_shows_the_page_within_another(server: Server, space: Server) -> None:
    def policy(url: str, **headers: str) -> str:
        return get_page(url, headers).headers["content-security-policy"]

    # The Hub is at this address in tests.
    of_spaces = "frame-ancestors 'self' http://127.0.0.1:9"
    assert policy(server.url) == policy(f"{server.url}/nothing") == "frame-ancestors 'none'"
    assert policy(space.url) == policy(space.url, host="evil.example") == of_spaces


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "http://127.0.0.1:9/x", "app.py", "/proc/self/environ"]
)
def test_only_uploaded_files_are_taken(server: Server, path: str) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = httpx.post(f"{server.url}/gradio_api/run/stop", json={"data": [file]})
    assert "not a file that was uploaded here" in answer.text
    uploads = server.home / "uploads"
    assert not [p for p in uploads.rglob("*") if p.name in ("passwd", "environ", "app.py", "x")]


@pytest.mark.parametrize("path", ["/etc/passwd", "{home}/runs", "app.py"])
def test_files_are_not_served(server: Server, path: str) -> None:
    path = path.format(home=server.home)
    assert httpx.get(f"{server.url}/gradio_api/file={path}").status_code in (403, 404)


def test_a_public_address_asks_for_a_password(tmp_path: Path) -> None:
    refused = spawn(tmp_path, port=free_port(), HOST="0.0.0.0")
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "Set SMOLFACTORY_PASSWORD" in said
    assert "Traceback" not in said
    environment = {"HOST": "0.0.0.0", "SMOLFACTORY_PASSWORD": "correct horse"}
    environment |= {"SMOLFACTORY_HOSTS": "gpu-box.lan, Other.lan"}
    with serving(tmp_path, **environment) as asking, httpx.Client(base_url=asking.url) as visitor:
        assert visitor.get("/config").status_code == 401
        for name, status in (("gpu-box.lan", 401), ("other.lan:7860", 401), ("evil.example", 421)):
            assert visitor.get("/config", headers={"host": name}).status_code == status
        assert upload(asking.url, {}).status_code == 401
        wrong = {"username": "admin", "password": "wrong"}
        assert visitor.post("/login", data=wrong).status_code == 400
        right = {"username": "admin", "password": "correct horse"}
        assert visitor.post("/login", data=right).status_code == 200
        assert visitor.get("/config").status_code == 200


def test_a_taken_port_is_told_in_a_line(server: Server, tmp_path: Path) -> None:
    second = spawn(tmp_path, port=server.port)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert said.count("\n") == 1
    assert "PORT=" in said


def test_the_process_is_light(server: Server) -> None:
    pid = server.process.pid
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    for heavy in ("torch", "transformers", "datasets", "trl"):
        assert f"site-packages/{heavy}/" not in maps
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = next(
        int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
    )
    assert resident < 350 * 1024
