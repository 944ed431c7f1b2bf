"""Doubles of the Hub with people in them, and the real client."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import HubDouble
from tests.hub.client import ADA, BOB, FINE, READER, Client

WEIGHTS = os.urandom(12_000_000)


@pytest.fixture(params=["lfs", "xet"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDouble]:
    """A Hub for each way that large files travel."""
    with _with_people(tmp_path, xet=request.param == "xet") as double:
        yield double


@pytest.fixture
def plain_hub(tmp_path: Path) -> Iterator[HubDouble]:
    """A Hub for what doesn't depend on how large files travel."""
    with _with_people(tmp_path, xet=False) as double:
        yield double


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pushed"
    (path / "more").mkdir(parents=True)
    (path / "README.md").write_text(card_of("license: mit"))
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "model.safetensors").write_bytes(WEIGHTS)
    (path / "more" / "optimizer.bin").write_bytes(WEIGHTS[:1_000_000])
    return path


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    asked = Client(tmp_path / "home")
    yield asked
    asked.end()


def _with_people(root: Path, *, xet: bool) -> HubDouble:
    hub = HubDouble(root=root / "hub", xet=xet)
    hub.add_user(name="ada", token=ADA, orgs={"acme": "write"})
    hub.add_user(name="ada", token=READER, role="read")
    hub.add_user(name="ada", token=FINE, role="fineGrained", scopes={"acme/bot": ["repo.write"]})
    hub.add_user(name="bob", token=BOB)
    return hub


def furnish(hub: HubDouble) -> None:
    hub.add_repo(repo_id="acme/bot")
    hub.add_repo(repo_id="acme/gated", gated=True, files={"a.json": b"{}"})
    hub.add_repo(repo_id="ada/private", private=True, files={"a.json": b"{}"})


def card_of(metadata: str) -> str:
    return f"---\n{metadata}\n---\n"
