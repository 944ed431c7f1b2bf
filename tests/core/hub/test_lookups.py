"""What is on the Hub, and for whom: the same on a Hub that can only what every Hub can."""

import pytest

from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.account import account
from core.hub.lacks import NO_ACCESS_CHECK, NO_SEARCH, NO_SORTING, told_lacks
from core.hub.lookups import dataset_info, licences_of, model_info, needs_token, search_datasets
from core.hub.permissions import doubts, target_repo
from tests.core.conftest import NEAR_TOKEN as TOKEN
from tests.hub import HubDouble

EITHER = pytest.mark.parametrize("near_hub", [False, True], indirect=True, ids=["whole", "bare"])
BARE = pytest.mark.parametrize("near_hub", [True], indirect=True, ids=["bare"])
CARD = b"---\nlicense:\n- cc-by-nc-4.0\n- gemma\n---\nA card."


def reading(dataset: str) -> RunConfig:
    return parse_config({"version": 2, "dataset": {"source": "hub", "name": dataset}})


@EITHER
def test_who_may_read_is_known(near_hub: HubDouble) -> None:
    rows = {"train.jsonl": b"{}"}
    near_hub.add_repo(kind="dataset", repo_id="acme/open", files=rows)
    near_hub.add_repo(kind="dataset", repo_id="ada/private", files=rows, private=True)
    near_hub.add_repo(kind="dataset", repo_id="bob/gated", files=rows, gated=True)
    near_hub.add_repo(kind="dataset", repo_id="bob/private", files=rows, private=True)
    needing = {
        name: needs_token(reading(name)) for name in ("acme/open", "ada/private", "bob/gated")
    }
    assert needing == {"acme/open": False, "ada/private": True, "bob/gated": True}
    near_hub.add_repo(repo_id="bob/scorer", files={"config.json": b"{}"}, gated=True)
    scored = {"name": "grpo", "rewards": ["model id=bob/scorer"]}
    assert needs_token(parse_config({"method": scored, "dataset": {"builtin": "sums"}}))
    assert dataset_info("ada/private", revision=None, token=TOKEN).siblings
    with pytest.raises(UserError, match=r"it is gated\. Accept its terms"):
        dataset_info("bob/gated", revision=None, token=TOKEN)
    for name in ("bob/private", "acme/none"):
        with pytest.raises(UserError, match=f"can't find the dataset {name}"):
            dataset_info(name, revision=None, token=TOKEN)
    with pytest.raises(UserError, match="can't find the model acme/none"):
        model_info("acme/none", revision=None, token=TOKEN)


@EITHER
def test_licences_are_read_wherever_they_stand(near_hub: HubDouble) -> None:
    near_hub.add_repo(repo_id="acme/tiny", files={"README.md": CARD})
    near_hub.add_repo(repo_id="acme/none", files={"a.json": b"{}"})
    near_hub.add_repo(repo_id="acme/broken", files={"README.md": b"---\nlicense: [\n---\n"})
    assert licences_of("acme/tiny", kind="model", token=None) == ["cc-by-nc-4.0", "gemma"]
    assert licences_of("acme/none", kind="model", token=None) == []
    assert licences_of("acme/broken", kind="model", token=None) == []


@EITHER
def test_datasets_are_found_by_the_words_of_their_names(near_hub: HubDouble) -> None:
    for number in range(20):
        near_hub.add_repo(kind="dataset", repo_id=f"bob/poems-{number}")
    near_hub.add_repo(kind="dataset", repo_id="acme/chat-rows")
    assert search_datasets("chat", token=None) == ["acme/chat-rows"]
    assert search_datasets("nothing", token=None) == []


@BARE
def test_what_a_hub_lacks_is_told_once(
    near_hub: HubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    near_hub.add_repo(kind="dataset", repo_id="acme/rows")
    near_hub.add_repo(kind="dataset", repo_id="acme/poems")
    for _ in range(2):
        search_datasets("rows", token=None)
        dataset_info("acme/rows", revision=None, token=None)
    assert told_lacks() == [NO_SORTING, NO_SEARCH, NO_ACCESS_CHECK]
    said = capsys.readouterr().err
    assert [said.count(text) for text in told_lacks()] == [1, 1, 1]


@EITHER
@pytest.mark.usefixtures("near_hub")
def test_a_role_that_nobody_knows_is_no_refusal() -> None:
    """Only where the Hub says so is it certain that one may write, or may not."""
    who = account(TOKEN)
    is_bare = who.kind == "maintainer"
    assert who.may_try == {"ada", "acme"}
    assert who.writable == (set() if is_bare else {"ada", "acme"})
    asked = parse_config({"version": 2, "output": {"owner": "acme", "name": "bot"}}).output
    assert target_repo(asked, TOKEN) == "acme/bot"
    assert bool(doubts("acme", TOKEN)) is is_bare
    elsewhere = asked.model_copy(update={"owner": "bob"})
    with pytest.raises(UserError, match="can't write to bob"):
        target_repo(elsewhere, TOKEN)
