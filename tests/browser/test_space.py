"""A Space and three people: a stranger, a member who trains, and the owner who pays for it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.builtin.model import builtin_model_folder
from tests.browser.chromium import open_context
from tests.browser.pictures import picture
from tests.hub import HubDouble
from tests.interface.filling import load
from tests.interface.harness import Server, free_port, serving, wait_for_page, without_default
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SPACE = "acme/smolfactory"
RUN = """
version: 2
training: {max_steps: 4, per_device_train_batch_size: 2, learning_rate: 0.01}
evaluation: {eval_steps: 2, max_eval_samples: 4}
method: {max_length: 256}
output: {name: NAME, push_to_hub: true, PAUSE}
"""
REFUSED = "Only the owner of this Space can do this."
PATIENCE = 120_000


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    with HubDouble(root=tmp_path_factory.mktemp("hub")) as hub:
        hub.add_user(name="olga", token="hf_olga", orgs={"acme": "admin"})
        hub.add_user(name="mel", token="hf_mel", orgs={"acme": "write"})
        hub.add_user(name="sam", token="hf_sam")
        hub.add_repo(kind="space", repo_id=SPACE, sdk="gradio", files={"app.py": b"# the app\n"})
        hub.add_oauth_app()
        yield hub


@pytest.fixture(scope="module")
def space(
    double: HubDouble, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_model, builtin_model_folder(home))
    port = free_port()
    environment = double.environment(home=home / "hf") | double.oauth_environment()
    environment |= {
        "SYSTEM": "spaces",
        "SPACE_ID": SPACE,
        "SPACE_HOST": f"127.0.0.1:{port}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    with serving(home, **environment) as running:
        yield running


def test_it_works_in_a_frame_of_the_hub(
    context: BrowserContext, space: Server, double: HubDouble
) -> None:
    page = context.new_page()
    frame_of_it = f'<iframe src="{space.url}" style="width:100%;height:880px;border:0"></iframe>'
    framing = f"{double.endpoint}/spaces/{SPACE}"
    # The browser takes what is put in its way here for a page from afar.
    context.grant_permissions(["local-network-access"])
    page.route(framing, lambda route: route.fulfill(content_type="text/html", body=frame_of_it))
    page.goto(framing)
    frame = page.frame_locator("iframe")
    frame.locator("#yaml").get_by_text("version").wait_for()
    # A browser may keep cookies from frames; whoever signs in there is taken out of it.
    expect(frame.get_by_role("button", name="Sign in with Hugging Face")).to_be_visible()
    expect(frame.get_by_role("link", name="Duplicate this Space")).to_be_visible()
    frame.get_by_label("Epochs").fill("3")
    expect(frame.locator("#summary")).to_contain_text("3 epochs")
    frame.get_by_role("tab", name="Guide").click()
    expect(frame.get_by_role("heading", name="Push it")).to_be_visible()
    pictures = frame.locator(".guide img")
    expect(pictures).to_have_count(6)
    loaded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    wait_until(lambda: pictures.evaluate_all(loaded))


def test_a_tick_asks_the_hub_nothing(browser: Browser, double: HubDouble, space: Server) -> None:
    page = sign_in(browser, space, name="mel")
    ticks: list[str] = []
    page.on("request", lambda sent: ticks.append(sent.url))
    wait_for_page(page, lambda: len(ticks) > 2)
    ticks.clear()
    asked = len(double.requests)
    wait_for_page(page, lambda: len(ticks) >= 5)
    assert len(double.requests) == asked
    page.context.close()


def sign_in(browser: Browser, space: Server, *, name: str) -> Page:
    """A browser of this person's own, signed in through the Hub's page."""
    page = open_context(browser).new_page()
    page.goto(space.url)
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    page.get_by_role("button", name=f"Authorize as {name}").click()
    expect(page.get_by_text(f"Sign out ({name})")).to_be_visible(timeout=30_000)
    page.locator("#yaml").get_by_text("version").wait_for()
    return page


def cookie_of(page: Page) -> str:
    return "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())


def start(page: Page, tmp_path: Path, *, name: str, pause: bool = False) -> None:
    file = tmp_path / f"{name}.yaml"
    paused = "pause_space: true" if pause else "pause_space: false"
    file.write_text(RUN.replace("NAME", name).replace("PAUSE", paused), encoding="utf-8")
    page.get_by_role("tab", name="Train").click()
    load(page, file)
    expect(page.locator("#summary")).to_contain_text(name)
    page.locator("#start").click()
    page.wait_for_url("**/?run=*", timeout=60_000)


def test_three_people_and_a_space(
    browser: Browser, double: HubDouble, space: Server, tmp_path: Path
) -> None:
    _a_stranger_looks_and_takes_a_copy(browser, double, space)
    _a_member_trains_and_shows_the_result(browser, double, space, tmp_path)
    _the_owner_has_the_space_pause(browser, double, space, tmp_path)


def _a_stranger_looks_and_takes_a_copy(browser: Browser, double: HubDouble, space: Server) -> None:
    page = sign_in(browser, space, name="sam")
    expect(page.locator("#gate")).to_contain_text("This Space belongs to acme")
    expect(page.locator("#gate")).to_contain_text(re.compile("from .*T4 .* \\$0.40 an hour, to"))
    expect(page.locator("#start")).to_be_disabled()
    expect(page.get_by_text("Signed in as sam")).to_be_visible()
    picture(page, "guide-duplicate", home=space.home)
    client = space.client(cookie=cookie_of(page))
    for api_name, values in (
        ("/start", without_default(client) | {"submission": ""}),
        ("/stop", {"run_id": "20260101-000000-00000000"}),
        ("/make_demo", {"run_id": "20260101-000000-00000000"}),
        ("/request_hardware", {"name": "cpu-basic"}),
        ("/restore", {"run": None}),
    ):
        with pytest.raises(AppError, match=re.escape(REFUSED)):
            client.predict(**values, api_name=api_name)
    assert not (space.home / "runs").exists()

    page.locator("#duplicate-now").click()
    expect(page.locator("#duplicated")).to_contain_text("sam/smolfactory")
    copy = double.repo(kind="space", repo_id="sam/smolfactory")
    assert copy.private
    page.context.close()


def _a_member_trains_and_shows_the_result(
    browser: Browser, double: HubDouble, space: Server, tmp_path: Path
) -> None:
    page = sign_in(browser, space, name="mel")
    expect(page.locator("#gate")).to_be_hidden()
    start(page, tmp_path, name="team-bot")
    link = page.get_by_role("link", name="mel/team-bot")
    expect(link.first).to_be_visible(timeout=PATIENCE)
    assert double.repo(repo_id="mel/team-bot").private
    # Nobody has asked for a pause.
    assert double.space(SPACE).stage == "RUNNING"
    page.locator("#make-demo").click()
    expect(page.get_by_role("link", name="mel/team-bot-demo")).to_be_visible(timeout=PATIENCE)
    demo = double.repo(kind="space", repo_id="mel/team-bot-demo")
    assert demo.private
    assert {"app.py", "demo.json", "model/adapter_model.safetensors"} <= demo.tree.keys()
    page.get_by_role("tab", name="Account").click()
    expect(page.locator("#account")).to_contain_text("Signed in as mel, with a sign-in")
    expect(page.locator("#account")).to_contain_text("It ends in 7 h")
    expect(page.locator("#account")).to_contain_text(f"The Hub in use is {double.endpoint}")
    page.context.close()


def _the_owner_has_the_space_pause(
    browser: Browser, double: HubDouble, space: Server, tmp_path: Path
) -> None:
    page = sign_in(browser, space, name="olga")
    page.get_by_role("tab", name="Account").click()
    listed = page.locator("#checklist")
    expect(listed.locator("li.open")).to_contain_text(["On a CPU"])
    expect(listed.locator("li.done")).to_contain_text(["mel/team-bot"])
    expect(page.locator("#space-running")).to_contain_text("costs nothing")
    expect(page.locator(".machine")).to_contain_text("Signed in as olga")
    picture(page, "guide-account", home=space.home)
    # The platform takes no wish for hardware from a sign-in.
    page.locator("#space-hardware input").click()
    page.get_by_role("option", name=re.compile("T4 - small")).click()
    page.locator("#request-hardware").click()
    expect(page.locator("#space-problem")).to_contain_text("add a secret HF_TOKEN")

    # A push that fails keeps the Space awake.
    double.over_quota("olga")
    start(page, tmp_path, name="owners-bot", pause=True)
    expect(page.locator("#run-failure")).to_contain_text("was not pushed", timeout=PATIENCE)
    assert double.space(SPACE).stage == "RUNNING"
    double.over_quota()
    # A slip of the pen is refused at the button.
    page.get_by_label("Owner", exact=True).fill("sam")
    page.locator("#push").click()
    expect(page.locator("#push-problem")).to_contain_text("Owner This token can't write to sam.")
    page.get_by_label("Owner", exact=True).fill("olga")
    # So is a push that would replace what somebody has put there, until they say that it may.
    double.commit(repo_id="olga/owners-bot", files={"notes.txt": b"Precious."})
    page.locator("#push").click()
    expect(page.locator("#push-problem")).to_contain_text("1 file (notes.txt), last changed")
    expect(page.locator("#push-problem")).to_contain_text("“Replace what is in the repository”")
    page.locator("#push-replace input").check()
    page.locator("#push").click()
    wait_until(lambda: double.space(SPACE).stage == "PAUSED")
    assert double.repo(repo_id="olga/owners-bot").private
    page.context.close()
