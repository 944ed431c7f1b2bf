"""Spaces, bills, quotas, searches and slow answers of the Hub double, through the real client."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.hub import HubDouble
from tests.hub.spaces import Stage
from tests.hub.test_double import Client

pytestmark = pytest.mark.process

ADA = "hf_ada_writes"
BOB = "hf_bob_writes"
SPACE = "ada/factory"
DONE = (None, None)

RUNTIME = 'runtime = get_space_runtime("ada/factory")'
SEEN = "[runtime.stage, runtime.hardware, runtime.requested_hardware, runtime.sleep_time]"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubDouble]:
    with HubDouble(root=tmp_path / "hub") as double:
        double.add_user(name="ada", token=ADA, orgs={"acme": "write"})
        double.add_user(name="bob", token=BOB)
        yield double


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "home")


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


HARDWARE = f'request_space_hardware("{SPACE}", "t4-small")'
FREE_HARDWARE = f'request_space_hardware("{SPACE}", "cpu-basic")'
RESTART = f'restart_space("{SPACE}")'
PAUSE = f'pause_space("{SPACE}")'
NEW = 'create_repo("ada/new", repo_type="space", space_sdk="gradio")'
NEW_STATIC = 'create_repo("ada/page", repo_type="space", space_sdk="static")'
NEW_FOR_ORG = NEW.replace("ada/new", "acme/new")
COPY = f'duplicate_repo("{SPACE}", "ada/copy", repo_type="space")'
FORBIDDEN = ("HfHubHTTPError", 403)
BAD = ("BadRequestError", 400)
UNPAID = ("HfHubHTTPError", 402)


def test_oauth_tokens_pause_and_do_no_more(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id=SPACE)
    hub.add_oauth_app(scopes=["openid", "write-repos"])
    refused = ("HfHubHTTPError", 401)
    _expect(
        client,
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
    _expect(client, hub, outcomes, token=hub.give_oauth_token(name="ada"))
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
    _expect(client, hub, outcomes, token=BOB)


def test_what_makes_no_sense_is_refused(hub: HubDouble, client: Client) -> None:
    hub.add_repo(kind="space", repo_id="ada/page", sdk="static")
    hub.add_repo(kind="space", repo_id=SPACE)
    outcomes = {
        'pause_space("ada/page")': BAD,
        'request_space_hardware("ada/page", "t4-small")': BAD,
        f'request_space_hardware("{SPACE}", "abacus")': BAD,
    }
    _expect(client, hub, outcomes)


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
    _expect(client, hub, outcomes)
    hub.unpaid()
    _expect(client, hub, {NEW: DONE, COPY: DONE, HARDWARE: DONE})


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
    _expect(client, hub, outcomes)
    # Each of the three routes was reached, and refused; the last commit is the deletion.
    assert hub.count(path="/preupload/") == 2
    assert hub.count(path="/info/lfs/objects/batch") == 1
    assert hub.count(path="/commit/") == 2
    hub.over_quota()
    _expect(client, hub, {push: DONE})


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
    _expect(client, hub, lost)
    _expect(client, hub, {'super_squash_history("ada/bot")': FORBIDDEN}, token=BOB)


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


def test_slow_answers_come_late(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot")
    delay = hub.slow(path="/api/models/ada/bot", seconds=1.5)
    script = """
        import time
        times = []
        for _ in range(2):
            start = time.monotonic()
            model_info("ada/bot")
            times.append(time.monotonic() - start)
        result = times
    """
    late, soon = client.run(hub, script)
    assert late >= 1.5 > soon
    assert delay.hits == 1


def test_rate_limits_are_waited_out(hub: HubDouble, client: Client) -> None:
    hub.add_repo(repo_id="ada/bot", files={"a.json": b"{}"})
    fault = hub.fail(path="/tree/", status=429, headers={"Retry-After": "2"})
    start = time.monotonic()
    client.run(hub, 'result = [entry.path for entry in list_repo_tree("ada/bot")]')
    assert time.monotonic() - start > 2
    assert fault.hits == 1
    hub.fail(path="/whoami-v2", status=429, headers={"Retry-After": "2"}, times=None)
    assert client.run_all(hub, ["whoami()"]) == [{"error": "HfHubHTTPError", "status": 429}]


def _expect(
    client: Client,
    hub: HubDouble,
    outcomes: Mapping[str, tuple[str | None, int | None]],
    *,
    token: str = ADA,
) -> None:
    met = client.run_all(hub, list(outcomes), token=token)
    assert {
        script: (outcome.get("error"), outcome.get("status"))
        for script, outcome in zip(outcomes, met, strict=True)
    } == outcomes
