"""What the Hub double allows to whom, and the client's own exceptions for what it refuses."""

import pytest

from tests.hub import HubDouble
from tests.hub.client import ADA, BOB, FINE, READER, Client, Outcome
from tests.hub.conftest import card_of, furnish

pytestmark = pytest.mark.process
GATED = 'hf_hub_download("acme/gated", "a.json")'
PRIVATE = 'list_repo_files("ada/private")'
CREATE = 'create_repo("ada/new")'
WRITE = 'upload_file(path_or_fileobj=b"{}", path_in_repo="b.json", repo_id="acme/bot")'
STALE = WRITE.replace(")", ', parent_commit="1234567")')
BROKEN_CARD = WRITE.replace('b"{}"', r'b"---\nlicense: [\n---"').replace("b.json", "README.md")


@pytest.mark.parametrize(
    ("token", "refusals"),
    [
        (
            None,
            {
                GATED: ("GatedRepoError", 401),
                PRIVATE: ("RepositoryNotFoundError", 401),
                CREATE: ("HfHubHTTPError", 401),
                "whoami()": ("LocalTokenNotFoundError", None),
            },
        ),
        (
            BOB,
            {
                GATED: ("GatedRepoError", 403),
                PRIVATE: ("RepositoryNotFoundError", 404),
                WRITE: ("HfHubHTTPError", 403),
                CREATE: ("HfHubHTTPError", 403),
            },
        ),
        (READER, {WRITE: ("HfHubHTTPError", 403), CREATE: ("HfHubHTTPError", 403)}),
        (FINE, {CREATE: ("HfHubHTTPError", 403), PRIVATE: ("RepositoryNotFoundError", 404)}),
        (
            ADA,
            {
                'model_info("gpt2")': ("RepositoryNotFoundError", 404),
                'hf_hub_download("acme/bot", "b")': ("RemoteEntryNotFoundError", 404),
                'delete_file("b.json", "acme/bot")': ("RemoteEntryNotFoundError", 404),
                'model_info("acme/bot", revision="v9")': ("RevisionNotFoundError", 404),
                'create_repo("acme/bot")': ("HfHubHTTPError", 409),
                STALE: ("HfHubHTTPError", 412),
                BROKEN_CARD: ("ValueError", None),
            },
        ),
        (
            "hf_revoked",
            dict.fromkeys(("whoami()", GATED, PRIVATE, CREATE, WRITE), ("HfHubHTTPError", 401)),
        ),
    ],
    ids=["stranger", "outsider", "reader", "fine-grained", "writer", "revoked"],
)
def test_refusals_are_the_clients_own_exceptions(
    plain_hub: HubDouble,
    client: Client,
    token: str | None,
    refusals: dict[str, Outcome],
) -> None:
    furnish(plain_hub)
    plain_hub.add_user(name="ada", token="hf_revoked")
    plain_hub.revoke(token="hf_revoked")
    client.expect(plain_hub, refusals, token=token)


def test_what_is_allowed_is_done(plain_hub: HubDouble, client: Client) -> None:
    furnish(plain_hub)
    allowed = [GATED, PRIVATE, CREATE, 'create_repo("ada/private", exist_ok=True)']
    assert client.run_all(plain_hub, allowed) == [{"result": None}] * len(allowed)
    client.run(plain_hub, WRITE, token=FINE)
    assert plain_hub.files(repo_id="acme/bot")["b.json"] == b"{}"


def test_whoami_tells_kinds_of_tokens_apart(plain_hub: HubDouble, client: Client) -> None:
    plain_hub.add_user(name="ada", token="hf_signed_in", role="oauth")
    script = "result = [whoami(token) for token in arguments]"
    told = client.run(plain_hub, script, ADA, READER, FINE, "hf_signed_in")
    assert {(who["name"], who["orgs"][0]["name"]) for who in told} == {("ada", "acme")}
    access = [who["auth"].get("accessToken") for who in told]
    assert [token and token["role"] for token in access] == ["write", "read", "fineGrained", None]
    scope = access[2]["fineGrained"]["scoped"][0]
    assert (scope["entity"]["name"], scope["permissions"]) == ("acme/bot", ["repo.write"])


def test_broken_cards_are_refused(plain_hub: HubDouble, client: Client) -> None:
    cards = [
        "license: mit\nlicense: apache-2.0",
        "license: mine-alone",
        "base_model: ./runs/1/model",
        "language: english",
        "- a list",
        "tags: [1]",
    ]
    scripts = [f"api._validate_yaml({card_of(metadata)!r})" for metadata in cards]
    outcomes = client.run_all(plain_hub, scripts)
    assert outcomes == [{"error": "ValueError", "status": None}] * len(cards)
