"""A push that meets faults, slow and lost answers, a revoked token, or its own end."""

import subprocess
import sys

import pytest

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, processes_of
from tests.core.conftest import LFS_ONLY, TOKEN
from tests.hub import HubDouble
from tests.waiting import wait_until

pytestmark = pytest.mark.process


@LFS_ONLY
def test_every_fault_of_a_push_leaves_the_model_and_a_remedy(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    faults: dict[int | str | None, str] = {
        "quota": "has no storage left",
        402: "requires payment",
        401: "does not accept this token",
        403: "has no permission for",
        429: "limiting the rate",
        409: "Someone else wrote to",
        500: "had an internal error",
        None: "did not respond",
    }
    for fault, words in faults.items():
        if isinstance(fault, str):
            hub.over_quota("acme")
        else:
            hub.fail(path="/commit/", status=fault, times=None)
        done = online("push", trained, "acme/bot")
        assert done.returncode == 1, words
        assert words in done.stderr
        assert "Push again" in done.stderr
        assert "Traceback" not in done.stderr
        assert online.status(trained)["state"] == "trained", words
        hub.heal()
        hub.over_quota()
    # The client itself does not try a commit again: what does is ours.
    away = hub.fail(path="/commit/", status=500, times=2)
    assert online("push", trained, "acme/bot").returncode == 0
    assert away.hits == 2
    status = online.status(trained)
    assert (status["state"], status["pushed_to"]) == ("done", "acme/bot")


@LFS_ONLY
def test_a_slow_hub_is_waited_for(online: CommandLine, hub: HubDouble, trained: str) -> None:
    hub.slow(path="/commit/", seconds=3)
    hub.fail(path="/commit/", status=429, headers={"Retry-After": "2"})
    assert online("push", trained, "ada/bot").returncode == 0


def test_a_lost_answer_to_the_commit_is_looked_after(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hub.fail(path="/commit/", method="POST", after=True)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/bot")


@LFS_ONLY
@pytest.mark.parametrize(
    "paths",
    [
        ("/whoami-v2", "/models/ada/bot/tree/"),
        ("/repos/create", "/preupload/"),
        ("/models/ada/bot",),
    ],
)
def test_one_fault_on_the_way_is_waited_out(
    online: CommandLine, hub: HubDouble, trained: str, paths: tuple[str, ...]
) -> None:
    """Of two, the first is on the way to the repository, the second on that of the files."""
    faults = [hub.fail(path=path, status=502, times=1) for path in paths]
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert [fault.hits for fault in faults] == [1] * len(paths)
    assert online.status(trained)["pushed_to"] == "ada/bot"


def test_a_token_revoked_in_the_middle_is_final_and_said(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/preupload/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", trained, "ada/bot"],
        cwd=ROOT, env=online.environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert hold.reached.wait(60)
    hub.revoke(token=TOKEN)
    hold.release()
    _, errors = push.communicate(timeout=200)
    assert push.returncode == 1
    assert "does not accept this token" in errors
    assert online.status(trained)["state"] == "trained"
    assert (online.home / "runs" / trained / "model" / "adapter_model.safetensors").exists()


def test_a_killed_push_leaves_the_model_and_goes_again(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/commit/")
    push = subprocess.Popen(
        [sys.executable, "-m", "core", "push", trained, "ada/bot"],
        cwd=ROOT, env=online.environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert hold.reached.wait(60)
    for process in processes_of(online.home):
        if "core.jobs.supervisor" in process.cmdline():
            process.kill()
    wait_until(lambda: push.poll() is not None)
    assert push.returncode == 1
    assert online.status(trained)["state"] == "trained"
    hold.release()
    assert online("push", trained, "ada/bot").returncode == 0
    assert online.status(trained)["state"] == "done"
