"""Spaces of the Hub double, through the real client."""

import pytest

from tests.hub import HubDouble
from tests.hub.client import BOB, COPY, DONE, FORBIDDEN, HARDWARE, SPACE, Client
from tests.hub.spaces import Stage

pytestmark = pytest.mark.process
RUNTIME = 'runtime = get_space_runtime("ada/factory")'
SEEN = "[runtime.stage, runtime.hardware, runtime.requested_hardware, runtime.sleep_time]"
RESTART = f'restart_space("{SPACE}")'
PAUSE = f'pause_space("{SPACE}")'
BAD = ("BadRequestError", 400)


@pytest.fixture
def hub(plain_hub: HubDouble) -> HubDouble:
    return plain_hub


def test_hardware_is_requested_slept_on_paused_and_restarted(
    hub: HubDouble, client: Client
) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    script = f"""
        seen = []
        for call in (
            lambda: get_space_runtime("{SPACE}"),
            lambda: request_space_hardware("{SPACE}", "t4-small", sleep_time=3600),
            lambda: get_space_runtime("{SPACE}"),
            lambda: set_space_sleep_time("{SPACE}", 60),
            lambda: set_space_sleep_time("{SPACE}", -1),
            lambda: pause_space("{SPACE}"),
            lambda: get_space_runtime("{SPACE}"),
            lambda: restart_space("{SPACE}"),
            lambda: get_space_runtime("{SPACE}"),
            lambda: restart_space("{SPACE}", factory_reboot=True),
            lambda: request_space_hardware("{SPACE}", "cpu-basic", sleep_time=60),
        ):
            runtime = call()
            seen.append({SEEN})
        result = seen
    """
    assert client.run(hub, script) == [
        ["RUNNING", "cpu-basic", "cpu-basic", 172800],
        ["BUILDING", "cpu-basic", "t4-small", 3600],
        ["RUNNING", "t4-small", "t4-small", 3600],
        ["RUNNING", "t4-small", "t4-small", 60],
        ["RUNNING", "t4-small", "t4-small", None],
        ["PAUSED", None, "t4-small", None],
        ["PAUSED", None, "t4-small", None],
        ["APP_STARTING", None, "t4-small", None],
        ["RUNNING", "t4-small", "t4-small", None],
        ["BUILDING", "t4-small", "t4-small", None],
        ["BUILDING", "t4-small", "cpu-basic", 172800],
    ]
    assert hub.space(SPACE).requested == "cpu-basic"
    assert hub.space(SPACE).restarts == 2


def test_test_may_keep_a_space_building(hub: HubDouble, client: Client) -> None:
    script = f"{RUNTIME}\nresult = {SEEN}"
    client.run(hub, f'create_repo("{SPACE}", repo_type="space", space_sdk="docker")')
    space = hub.space(SPACE)
    space.settles = False
    assert client.run(hub, script)[:2] == ["BUILDING", None]
    space.settle()
    assert client.run(hub, script)[:2] == ["RUNNING", "cpu-basic"]
    space.stage = Stage.PAUSED
    assert client.run(hub, script)[0] == "PAUSED"


def test_secrets_are_listed_without_their_values(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    script = f"""
        add_space_secret("{SPACE}", "KEY", "hidden", description="A key")
        add_space_secret("{SPACE}", "OTHER", "hidden too")
        delete_space_secret("{SPACE}", "OTHER")
        add_space_variable("{SPACE}", "MODEL", "ada/bot")
        add_space_variable("{SPACE}", "MODEL", "ada/other", description="Which")
        add_space_variable("{SPACE}", "GONE", "1")
        variables = delete_space_variable("{SPACE}", "GONE")
        secrets = get_space_secrets("{SPACE}")
        result = {{
            "secrets": {{key: secret.description for key, secret in secrets.items()}},
            "variables": {{
                key: [entry.value, entry.description] for key, entry in variables.items()
            }},
            "same": get_space_variables("{SPACE}") == variables,
        }}
    """
    assert client.run(hub, script) == {
        "secrets": {"KEY": "A key"},
        "variables": {"MODEL": ["ada/other", "Which"]},
        "same": True,
    }
    assert hub.space(SPACE).secrets["KEY"].value == "hidden"
    raw = f"""
        result = get_session().get(
            "{hub.endpoint}/api/spaces/{SPACE}/secrets", headers=api._build_hf_headers()
        ).text
    """
    assert "hidden" not in client.run(hub, raw)


def test_volumes_are_mounted_and_removed(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    mount = f"""
        set_space_volumes("{SPACE}", [Volume(type="bucket", source="ada/runs", mount_path="/data")])
        result = [
            [volume.type, volume.source, volume.mount_path]
            for volume in get_space_runtime("{SPACE}").volumes
        ]
    """
    remove = f'delete_space_volumes("{SPACE}")'
    mounted, removed, again = client.run_all(hub, [mount, remove, remove])
    assert mounted == {"result": [["bucket", "ada/runs", "/data"]]}
    assert removed == {"result": None}
    assert again == {"error": "BadRequestError", "status": 400}
    assert hub.space(SPACE).volumes == []


def test_copy_takes_variables_and_files_and_leaves_secrets(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id="acme/factory", files={"app.py": b"1"})
    client.run(hub, 'add_space_variable("acme/factory", "KEPT", "1")')
    client.run(hub, 'add_space_variable("acme/factory", "CHANGED", "1")')
    client.run(hub, 'add_space_secret("acme/factory", "KEY", "hidden")')
    script = """
        made = duplicate_repo(
            "acme/factory",
            "bob/mine",
            repo_type="space",
            private=True,
            space_hardware="t4-small",
            space_sleep_time=300,
            space_secrets=[{"key": "MINE", "value": "2"}],
            space_variables=[{"key": "CHANGED", "value": "2"}],
            space_volumes=[Volume(type="bucket", source="bob/runs", mount_path="/data")],
        )
        result = [made, made.repo_id, made.files_copy_pending]
    """
    url = f"{hub.endpoint}/spaces/bob/mine"
    assert client.run(hub, script, token=BOB) == [url, "bob/mine", False]
    made = hub.repo(kind="space", repo_id="bob/mine")
    space = hub.space("bob/mine")
    assert made.private
    assert hub.files(kind="space", repo_id="bob/mine")["app.py"] == b"1"
    assert made.head == hub.repo(kind="space", repo_id="acme/factory").head
    assert {key: entry.value for key, entry in space.variables.items()} == {
        "KEPT": "1",
        "CHANGED": "2",
    }
    assert {key: entry.value for key, entry in space.secrets.items()} == {"MINE": "2"}
    assert (space.requested, space.sleep_time) == ("t4-small", 300)
    assert space.volumes == [{"type": "bucket", "source": "bob/runs", "mountPath": "/data"}]
    by_default = 'result = duplicate_repo("acme/factory", repo_type="space").repo_id'
    made_again, twice = client.run_all(hub, [by_default, by_default], token=BOB)
    assert made_again == {"result": "bob/factory"}
    assert twice["status"] == 409
    assert not hub.repo(kind="space", repo_id="bob/factory").private


def test_models_are_copied_too(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="acme/bot", files={"model.safetensors": b"\0weights"})
    client.run(hub, 'duplicate_repo("acme/bot", "bob/bot")', token=BOB)
    assert hub.files(repo_id="bob/bot")["model.safetensors"] == b"\0weights"


def test_oauth_tokens_pause_and_do_no_more(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    hub.add_oauth_app(scopes=["openid", "write-repos"])
    refused = ("HfHubHTTPError", 401)
    client.expect(
        hub,
        {HARDWARE: refused, RESTART: refused, PAUSE: DONE},
        token=hub.give_oauth_token(name="ada"),
    )
    assert hub.space(SPACE).stage is Stage.PAUSED


def test_oauth_tokens_rule_over_the_copies_they_made_and_may_pause(
    hub: HubDouble, client: Client
) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    hub.add_oauth_app()
    secret = f'add_space_secret("{SPACE}", "A", "b")'
    copied = secret.replace(SPACE, "ada/copy")
    outcomes = {COPY: DONE, copied: DONE, secret: FORBIDDEN, PAUSE: DONE}
    client.expect(hub, outcomes, token=hub.give_oauth_token(name="ada"))
    assert list(hub.space("ada/copy").secrets) == ["A"]


def test_others_see_a_space_and_change_nothing(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    hub.add_repo(kind="space", repo_id="ada/hidden", private=True)
    outcomes = {
        RUNTIME: DONE,
        f'get_space_variables("{SPACE}")': DONE,
        f'get_space_secrets("{SPACE}")': FORBIDDEN,
        f'add_space_secret("{SPACE}", "A", "b")': FORBIDDEN,
        # Whoever opens a pull request may write to it, and to nothing else.
        f'create_pull_request("{SPACE}", title="Better", repo_type="space")': DONE,
        f'add_space_variable("{SPACE}", "A", "b")': FORBIDDEN,
        f'update_repo_settings("{SPACE}", private=True, repo_type="space")': FORBIDDEN,
        PAUSE: FORBIDDEN,
        HARDWARE: FORBIDDEN,
        'get_space_runtime("ada/hidden")': ("RepositoryNotFoundError", 404),
        COPY: FORBIDDEN,
    }
    client.expect(hub, outcomes, token=BOB)


def test_what_makes_no_sense_is_refused(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id="ada/page", sdk="static")
    hub.add_repo(kind="space", repo_id=SPACE)
    outcomes = {
        'pause_space("ada/page")': BAD,
        'request_space_hardware("ada/page", "t4-small")': BAD,
        f'request_space_hardware("{SPACE}", "abacus")': BAD,
    }
    client.expect(hub, outcomes)
