"""The servers and the browser that the page's tests share: starting them takes most of the time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, chromium
from tests.interface.harness import (
    SPACE,
    Server,
    open_form,
    serving,
    without_default,
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page on one's own machine."""
    with serving(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page on a Hugging Face Space that belongs to acme."""
    with serving(tmp_path_factory.mktemp("space"), **SPACE) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def _context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1400, "height": 900})
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def context(_context: BrowserContext) -> Iterator[BrowserContext]:
    """One browser for all tests, so that it loads the page's scripts once; its tabs are closed."""
    yield _context
    for page in _context.pages:
        page.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    """The form, ready to be filled in."""
    return open_form(context, server)


@pytest.fixture
def preview(server: Server) -> Callable[..., dict[str, Any]]:
    """Calls the page's own API with named settings; the rest keep their defaults."""
    client = server.client()

    def call(**values: Any) -> dict[str, Any]:
        answer = client.predict(api_name="/preview", **without_default(client) | values)
        return dict(zip(("summary", "yaml", "command", "problems"), answer, strict=True))

    return call
