"""Errors, lost and slow answers of the Hub double, as the real client meets them."""

import time
from pathlib import Path

import pytest

from tests.hub import HubDouble
from tests.hub.client import ADA, LIST, PATIENCE, UPLOAD, Client
from tests.hub.conftest import WEIGHTS, furnish

pytestmark = pytest.mark.process


def test_error_then_answer(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", files={"a.json": b"{}"})
    fault = hub.fail(method="GET", path="/tree/", status=500)
    assert "a.json" in client.run(hub, LIST)
    assert fault.hits == 1
    assert hub.count(path="/tree/") == 2


def test_lost_commit_answer_leaves_the_commit(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    before = len(hub.repo(repo_id="ada/bot").commits)
    hub.fail(method="POST", path="/commit/", status=None, after=True)
    outcome, again = client.run_all(hub, [UPLOAD, UPLOAD], folder)
    made = len(hub.repo(repo_id="ada/bot").commits) - before
    assert hub.files(repo_id="ada/bot")["model.safetensors"] == WEIGHTS
    assert again == {"result": hub.repo(repo_id="ada/bot").head}
    if hub.count(path="/xet-write-token/"):
        # The client's Xet way sends the commit again, its other way never does.
        assert (outcome, made) == (again, 2)
    else:
        assert (outcome["error"], made) == ("RemoteProtocolError", 1)


def test_token_revoked_while_a_push_waits(hub: HubDouble, folder: Path, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    hold = hub.hold(method="POST", path="/commit/")
    process = client.start(hub, [UPLOAD], folder)
    assert hold.reached.wait(timeout=PATIENCE)
    hub.revoke(token=ADA)
    hold.release()
    assert client.finish(process) == [{"error": "HfHubHTTPError", "status": 401}]
    assert "model.safetensors" not in hub.files(repo_id="ada/bot")


def test_stopped_hub_comes_back_where_it_was(plain_hub: HubDouble, client: Client) -> None:
    furnish(plain_hub)
    endpoint = plain_hub.endpoint
    script = 'result = model_info("acme/bot").id'
    plain_hub.stop()
    assert client.run_all(plain_hub, [script]) == [{"error": "ConnectError", "status": None}]
    plain_hub.start()
    assert plain_hub.endpoint == endpoint
    assert client.run(plain_hub, script) == "acme/bot"


def test_slow_answers_come_late(plain_hub: HubDouble, client: Client) -> None:
    plain_hub.add_repo(repo_id="ada/bot")
    delay = plain_hub.slow(path="/api/models/ada/bot", seconds=1.5)
    script = """
        import time
        times = []
        for _ in range(2):
            start = time.monotonic()
            model_info("ada/bot")
            times.append(time.monotonic() - start)
        result = times
    """
    late, soon = client.run(plain_hub, script)
    assert late >= 1.5 > soon
    assert delay.hits == 1


def test_rate_limits_are_waited_out(plain_hub: HubDouble, client: Client) -> None:
    plain_hub.add_repo(repo_id="ada/bot", files={"a.json": b"{}"})
    fault = plain_hub.fail(path="/tree/", status=429, headers={"Retry-After": "2"})
    start = time.monotonic()
    client.run(plain_hub, 'result = [entry.path for entry in list_repo_tree("ada/bot")]')
    assert time.monotonic() - start > 2
    assert fault.hits == 1
    plain_hub.fail(path="/whoami-v2", status=429, headers={"Retry-After": "2"}, times=None)
    assert client.run_all(plain_hub, ["whoami()"]) == [{"error": "HfHubHTTPError", "status": 429}]
