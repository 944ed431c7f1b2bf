"""The servers and the browser that the page's tests share: starting them takes most of the time."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from core.builtin.model import builtin_model_folder
from tests.hub import HubDouble
from tests.interface.harness import SPACE, Server, open_form, serving, without_default

PAGE_TOKEN = "hf_CanaryOfThePage0123456789012345678"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """The page on one's own machine, where the built-in model is a tiny one."""
    with serving(_home(tmp_path_factory, tiny_model)) as running:
        yield running


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """The page on a Hugging Face Space that belongs to acme."""
    with serving(_home(tmp_path_factory, tiny_model), **SPACE) as running:
        yield running


@pytest.fixture(scope="session")
def page_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubDouble]:
    """The Hub of `connected`: each test adds what it needs, under a name that no other has."""
    with HubDouble(root=tmp_path_factory.mktemp("hub")) as hub:
        hub.add_user(name="ada", token=PAGE_TOKEN)
        yield hub


@pytest.fixture(scope="session")
def connected(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, page_hub: HubDouble
) -> Iterator[Server]:
    """The page on one's own machine, with a token of ada's and a Hub in reach."""
    home = _home(tmp_path_factory, tiny_model)
    with serving(home, **page_hub.environment(home=home / "hf", token=PAGE_TOKEN)) as running:
        yield running


def _home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_model, builtin_model_folder(home))
    return home


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    """The form, ready to be filled in."""
    return open_form(context, server)


@pytest.fixture(scope="session")
def preview(server: Server) -> Callable[..., dict[str, Any]]:
    """Calls the page's own API with named settings; the rest keep their defaults."""
    client = server.client()
    defaults = without_default(client)

    def call(**values: Any) -> dict[str, Any]:
        answer = client.predict(api_name="/preview", **defaults | values)
        return dict(
            zip(("summary", "estimate", "yaml", "command", "problems", "name"), answer, strict=True)
        )

    return call
