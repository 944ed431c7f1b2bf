"""Histories, visibility and searches of the Hub double, through the real client."""

import pytest

from tests.hub import HubDouble
from tests.hub.client import BOB, FORBIDDEN, Client

pytestmark = pytest.mark.process


@pytest.fixture
def hub(plain_hub: HubDouble) -> HubDouble:
    return plain_hub


def test_history_is_squashed_to_one_commit(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", files={"a.json": b"1"})
    old = hub.commit(repo_id="ada/bot", files={"a.json": b"2"})
    client.run(hub, 'super_squash_history("ada/bot", commit_message="One")')
    assert [commit.title for commit in hub.repo(repo_id="ada/bot").commits] == ["One"]
    assert hub.files(repo_id="ada/bot")["a.json"] == b"2"
    lost = {
        f'model_info("ada/bot", revision="{old}")': ("RevisionNotFoundError", 404),
        'super_squash_history("ada/bot", branch="v9")': ("RevisionNotFoundError", 404),
    }
    client.expect(hub, lost)
    client.expect(hub, {'super_squash_history("ada/bot")': FORBIDDEN}, token=BOB)


def test_visibility_changes_and_repositories_go(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", private=True)
    client.run(hub, 'update_repo_settings("ada/bot", private=False)')
    assert not hub.repo(repo_id="ada/bot").private
    client.run(hub, 'delete_repo("ada/bot")')
    assert not hub.has_repo(repo_id="ada/bot")


def test_models_are_found_by_author_and_by_the_cards_tags(hub: HubDouble, client: Client) -> None:
    card = """---
tags: [smolfactory, sft]
base_model: acme/base
datasets: [acme/chats]
license: mit
library_name: transformers
---
"""
    hub.add_repo(repo_id="ada/bot", files={"README.md": card.encode()})
    hub.add_repo(repo_id="ada/other")
    hub.add_repo(repo_id="acme/bot", files={"README.md": card.encode()})
    script = """
        def found(**asked):
            return [model.id for model in list_models(**asked)]
        result = {
            "author": found(author="ada"),
            "tag": found(filter="smolfactory"),
            "both": found(filter=["smolfactory", "base_model:acme/base"], author="ada"),
            "none": found(filter=["smolfactory", "dpo"]),
            "dataset": found(trained_dataset="acme/chats", sort="last_modified", limit=1),
            "listed": list(list_models(filter="sft", author="ada"))[0].tags,
            "shown": model_info("ada/bot").tags,
            "card": list(list_models(author="acme", full=True))[0].sha,
        }
    """
    found = client.run(hub, script)
    assert found["author"] == ["ada/bot", "ada/other"]
    assert found["tag"] == ["ada/bot", "acme/bot"]
    assert found["both"] == ["ada/bot"]
    assert found["none"] == []
    assert len(found["dataset"]) == 1
    assert found["listed"] == found["shown"]
    assert {"smolfactory", "sft", "license:mit", "dataset:acme/chats"} <= {*found["shown"]}
    assert found["card"] == hub.repo(repo_id="acme/bot").head
