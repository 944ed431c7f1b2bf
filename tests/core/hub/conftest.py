"""A double of the Hub for calls from the test's own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.hub import HubDouble

TOKEN = SecretStr("hf_ada")


@pytest.fixture
def near_hub(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HubDouble]:
    """Whole, unless the parameter says that it is bare."""
    bare: bool = getattr(request, "param", False)
    with HubDouble(root=tmp_path / "hub", bare=bare) as double:
        double.add_user(name="ada", token=TOKEN.get_secret_value(), orgs={"acme": "write"})
        files = f"{double.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", double.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("core.hub.account._accounts", {})
        monkeypatch.setattr("core.hub.lacks._told", {})
        yield double
