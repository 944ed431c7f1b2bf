"""Prices, bills and quotas of the Hub double, through the real client."""

import pytest

from tests.hub import HubDouble
from tests.hub.client import COPY, DONE, FORBIDDEN, HARDWARE, SPACE, Client

pytestmark = pytest.mark.process
FREE_HARDWARE = f'request_space_hardware("{SPACE}", "cpu-basic")'
UNPAID = ("HfHubHTTPError", 402)
NEW = 'create_repo("ada/new", repo_type="space", space_sdk="gradio")'
NEW_STATIC = 'create_repo("ada/page", repo_type="space", space_sdk="static")'
NEW_FOR_ORG = NEW.replace("ada/new", "acme/new")


@pytest.fixture
def hub(plain_hub: HubDouble) -> HubDouble:
    return plain_hub


def test_prices_are_listed(hub: HubDouble, client: Client) -> None:
    script = """
        result = {
            name: {
                machine.name: [
                    machine.unit_cost_usd * 60,
                    machine.unit_label,
                    machine.accelerator and machine.accelerator.vram,
                ]
                for machine in machines
            }
            for name, machines in
            {"spaces": list_spaces_hardware(), "jobs": list_jobs_hardware()}.items()
        }
    """
    listed = client.run(hub, script)
    assert listed["spaces"]["cpu-basic"] == [0, "minute", None]
    assert listed["spaces"]["t4-small"] == [pytest.approx(0.40, rel=1e-3), "minute", "16 GB"]
    assert listed["jobs"]["cpu-basic"][0] == pytest.approx(0.01, rel=1e-2)
    assert "zero-a10g" not in listed["jobs"]


def test_unpaid_namespaces_get_402(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    hub.unpaid("ada")
    outcomes = {
        NEW: UNPAID,
        COPY: UNPAID,
        HARDWARE: UNPAID,
        FREE_HARDWARE: DONE,
        NEW_STATIC: DONE,
        NEW_FOR_ORG: DONE,
        f'create_repo("{SPACE}", repo_type="space", space_sdk="gradio", exist_ok=True)': DONE,
    }
    client.expect(hub, outcomes)
    hub.unpaid()
    client.expect(hub, {NEW: DONE, COPY: DONE, HARDWARE: DONE})


def test_full_namespaces_take_no_more_files(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", private=True, files={"old.json": b"{}"})
    hub.over_quota("ada")
    push = 'upload_file(path_or_fileobj=b"{}", path_in_repo="b.json", repo_id="ada/bot")'
    told = f"""
        try:
            {push}
        except Exception as error:
            result = error.server_message
    """
    assert "storage limit reached" in client.run(hub, told)
    past_the_plan = """
        operation = CommitOperationAdd("b.bin", b"12")
        operation._upload_mode = "{mode}"
        create_commit("ada/bot", [operation], commit_message="Add")
    """
    outcomes = {
        push: FORBIDDEN,
        past_the_plan.replace("{mode}", "lfs"): FORBIDDEN,
        past_the_plan.replace("{mode}", "regular"): FORBIDDEN,
        'delete_file("old.json", "ada/bot")': DONE,
    }
    client.expect(hub, outcomes)
    # Each of the three routes was reached, and refused; the last commit is the deletion.
    assert hub.count(path="/preupload/") == 2
    assert hub.count(path="/info/lfs/objects/batch") == 1
    assert hub.count(path="/commit/") == 2
    hub.over_quota()
    client.expect(hub, {push: DONE})
