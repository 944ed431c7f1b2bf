"""A result that nobody named gets a name that is free where it will be pushed."""

from pathlib import Path
from typing import Any

from core.config.parse import parse_config
from core.config.proposed_name import proposed_name
from core.publish.free_name import named
from core.runs.store import RunStore
from tests.core.conftest import NEAR_TOKEN
from tests.hub import HubDouble


def test_it_is_one_that_neither_a_run_here_nor_a_repository_has(
    near_hub: HubDouble, tmp_path: Path
) -> None:
    store, name = RunStore(tmp_path), proposed_name(parse_config({}))

    def name_of(**output: Any) -> str:
        config = parse_config({"output": {"push_to_hub": True} | output})
        return named(config, store=store, token=NEAR_TOKEN).output.repo_name

    assert name_of() == name
    near_hub.add_repo(repo_id=f"ada/{name}", files={"a": b"a"}, private=True)
    near_hub.add_repo(repo_id=f"ada/{name}-3", files={"a": b"a"}, private=True)
    # Nobody has pushed there yet.
    near_hub.add_repo(repo_id=f"ada/{name}-4")
    assert name_of() == f"{name}-2"
    store.create(parse_config({"output": {"name": f"{name}-2"}}), files={}, submission="ab" * 8)
    assert name_of() == f"{name}-4"
    assert name_of(owner="acme") == name
    # What is chosen stays, and what is not pushed is nobody's there.
    assert name_of(name=name) == name
    assert name_of(push_to_hub=False) == name
    near_hub.fail(path="/api/models/", status=503, times=None)
    assert name_of() == name
