"""What tests share: a home with a tiny model in it, the command line, a browser, and a Hub."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests import warm
from tests.browser.chromium import ARGUMENTS, chromium, open_context
from tests.command_line import FRUGAL, CommandLine, end_processes_of, environment_of
from tests.hub import HubDouble
from tests.tiny_model import make_tiny_model

pytest_plugins = ["tests.tiers"]

os.environ.update(FRUGAL)
# The tests share two cores.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder as `make` fills it: by the first worker that needs it, while the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = folder.with_name(f"{folder.name}.done")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def tiny_model(shared: Path) -> Path:
    """A folder with a model of a few thousand weights and a chat template."""
    return made_once(shared / "tiny", make_tiny_model)


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Path:
    """A home where the built-in model is the tiny one."""
    home = tmp_path / "home"
    shutil.copytree(tiny_model, home / "models" / "SmolLM2-135M-Instruct")
    return home


@pytest.fixture
def command_line(home: Path) -> Iterator[CommandLine]:
    yield CommandLine(home, environment_of(home))
    end_processes_of(home)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def _context(browser: Browser) -> Iterator[BrowserContext]:
    opened = open_context(browser)
    yield opened
    opened.close()


@pytest.fixture
def context(_context: BrowserContext) -> Iterator[BrowserContext]:
    """One browser for all tests, so that it loads the page's scripts once; its tabs are closed."""
    yield _context
    for page in _context.pages:
        page.close()


@pytest.fixture(params=[False, True], ids=["lfs", "xet"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDouble]:
    """A double of the Hub, once with each of its ways to take large files."""
    shutil.rmtree(warm.HUB_HOME, ignore_errors=True)
    with HubDouble(root=tmp_path / "hub", xet=request.param, port=warm.HUB_PORT) as double:
        yield double
