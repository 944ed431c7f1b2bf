"""The product in one test: from the first press of Start to answers of the pushed model."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from core.builtin.model import builtin_model_folder, prepare_model
from core.config.builtin_names import BUILTIN_MODEL
from core.machine.source_tree import ROOT
from core.machine.warm import VARIABLE
from core.settings import load_settings
from tests.browser.pictures import picture
from tests.command_line import processes_of, words_of
from tests.core.publish.demo_process import begin, wait_until_up
from tests.hub import HubDouble
from tests.interface.harness import Server, open_form, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PUSHED = "ada/smollm2-135m-facts-to-json"
TOKEN = "hf_AnotherCanaryOfTheBrowserTest0123456789"
# A slow machine may take long; what is promised of a quick one is measured in benchmarks.
TRAINING_SECONDS = 900
SUPERVISOR = "core.jobs.supervisor"


@pytest.fixture
def real_home(tmp_path: Path) -> Path:
    """A new home that has the real built-in model."""
    home = tmp_path / "home"
    folder = builtin_model_folder(home)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(prepare_model(load_settings().home))
    return home


@pytest.fixture
def double(tmp_path: Path) -> Iterator[HubDouble]:
    with HubDouble(root=tmp_path / "hub") as hub:
        hub.add_user(name="ada", token=TOKEN)
        yield hub


def step_of(page: Page) -> int:
    label = page.locator("#run-head .tile", has=page.get_by_text("Step", exact=True))
    return int(label.locator("b").inner_text().split()[0])


def wait_for_step(page: Page, step: int) -> None:
    try:
        page.wait_for_function(
            """(step) => [...document.querySelectorAll("#run-head .tile")].some((tile) =>
                tile.textContent.includes("Step")
                && parseInt(tile.querySelector("b").textContent) >= step)""",
            arg=step,
            # Not with each frame: a page that draws none would never be looked at.
            polling=500,
            timeout=TRAINING_SECONDS * 1000,
        )
    except PlaywrightTimeoutError as error:
        raise AssertionError(f"{page.url} shows: {page.inner_text('body')}") from error


@pytest.mark.timeout(3000)
def test_one_press_of_start_trains_pushes_and_answers_in_json(
    context: BrowserContext, real_home: Path, double: HubDouble
) -> None:
    environment = double.environment(home=real_home / "hf", token=TOKEN) | {VARIABLE: ""}
    with serving(real_home, **environment) as server:
        page = open_form(context, server)
        expect(page.locator("#data-rows .seen")).to_have_count(3, timeout=60_000)
        picture(page, "form", home=real_home)
        wait_until(lambda: is_warm(server))
        page.locator("#start").click()
        page.wait_for_url("**/?run=*", timeout=60_000)
        wait_for_step(page, 3)
        (supervisor,) = (p for p in processes_of(real_home) if SUPERVISOR in words_of(p))
        assert "--standby" in words_of(supervisor)
        page.reload()
        wait_for_step(page, 3)

        page.locator("#stop").click()
        resume = page.locator("#resume")
        expect(resume).to_be_visible(timeout=180_000)
        stopped_at = step_of(page)
        resume.click()
        wait_for_step(page, stopped_at + 2)
        run_id = page.url.rpartition("=")[2]
        server.process.kill()
        server.process.wait()

    page.close()
    # The run goes on without its page, far enough for a second look at the evaluation loss.
    run = server.store.open(run_id)
    wait_until(lambda: run.status().step >= 25, seconds=TRAINING_SECONDS)
    # A new server shows it whole.
    with serving(real_home, **environment) as server:
        page = context.new_page()
        address = f"{server.url}/?run={run_id}"
        page.goto(address)
        wait_for_step(page, 25)
        picture(page, "training", home=real_home)
        page.close()
        wait_until(lambda: not run.status().state.live, seconds=TRAINING_SECONDS)
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#push")).to_be_visible()
        _expect_one_unbroken_curve(server, run_id)
        page.locator("#push").click()
        link = page.get_by_role("link", name=PUSHED)
        expect(link.first).to_be_visible(timeout=120_000)
        picture(page, "pushed", home=real_home)
        page.locator("#make-demo").click()
        demo = page.get_by_role("link", name=f"{PUSHED}-demo")
        expect(demo).to_be_visible(timeout=120_000)
        page.close()

    assert double.repo(repo_id=PUSHED).private
    _talk_to_the_demo(context, real_home, double)
    shares = _ask_what_was_pushed(real_home, environment)
    sys.stdout.write(f"\nheld-out questions answered in one line of JSON: {shares}\n")
    assert shares["tuned"] >= 0.9
    assert shares["base"] < 0.1


def is_warm(server: Server) -> bool:
    """Whether the page's own warm process answers, so that the next trainer is forked from it."""
    children = psutil.Process(server.process.pid).children()
    return any(
        connection.raddr or connection.laddr
        for child in children
        if "core.train.warm" in words_of(child)
        for connection in child.net_connections(kind="unix")
    )


def _expect_one_unbroken_curve(server: Server, run_id: str) -> None:
    """Each step was logged, and where it was logged twice the second counts."""
    events = server.store.open(run_id).paths.events.read_text().splitlines()
    facts = [json.loads(line) for line in events]
    total = next(fact["total"] for fact in facts if fact["kind"] == "progress")
    logged = {fact["step"] for fact in facts if fact["kind"] == "metric"}
    assert logged == set(range(1, total + 1))
    assert not any(fact["kind"] == "failure" for fact in facts)


def _talk_to_the_demo(context: BrowserContext, home: Path, double: HubDouble) -> None:
    """Run the Space from its repository's files, and ask the first of its held-out examples."""
    base = {file.name: file.read_bytes() for file in builtin_model_folder(home).iterdir()}
    double.add_repo(repo_id=BUILTIN_MODEL, files=base)
    folder = home / "demo"
    for name, data in double.files(kind="space", repo_id=f"{PUSHED}-demo").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    example = json.loads((folder / "demo.json").read_text(encoding="utf-8"))["examples"][0]
    with begin(folder, double.environment(home=home / "demo-cache")) as space:
        wait_until_up(space)
        page = context.new_page()
        page.goto(space.url)
        expect(page.get_by_text("Runs on the")).to_be_visible(timeout=180_000)
        page.get_by_text(example).click()
        expect(page.locator(".bot")).to_contain_text(re.compile(r"\{.+\}"), timeout=120_000)
        # With a sign that it can be asked again, the answer is whole.
        expect(page.locator("button.submit-button")).to_be_visible(timeout=60_000)
        picture(page, "guide-demo", home=home)
        assert isinstance(json.loads(page.locator(".bot").inner_text()), dict)
        page.close()


def _ask_what_was_pushed(home: Path, environment: dict[str, str]) -> dict[str, float]:
    """In a process of its own, on another's empty cache."""
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.browser.evaluate", str(builtin_model_folder(home)),
            PUSHED,
        ],
        cwd=ROOT,
        env=os.environ | environment | {"HF_HOME": str(home / "another-cache")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
