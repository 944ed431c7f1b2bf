"""A push that meets faults, slow and lost answers, a revoked token, or its own end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine, processes_of, words_of
from tests.core.conftest import LFS_ONLY, TOKEN
from tests.core.publish.pushed import expect_whole
from tests.hub import HubDouble
from tests.waiting import wait_until

pytestmark = pytest.mark.process

# What is told of an upload, by the status that each of its commits is answered with: None is none.
FAULTS: dict[int | None, str] = {
    402: "requires payment",
    401: "does not accept this token",
    403: "has no permission for",
    429: "limiting the rate",
    409: "Someone else wrote to",
    412: "Someone else wrote to",
    413: "too large for this Hub",
    501: "This Hub can't do this",
    500: "had an internal error",
    None: "did not respond",
}


# Side by side, because most of it is a wait for the Hub to be itself again.
UPLOADS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from core.errors import UserError
from core.hub.client import hub_client
from core.hub.upload import Target, fingerprints, upload_verified
from core.settings import token_of_this_process

def told(repo):
    api, local = hub_client(token_of_this_process()), fingerprints(folder)
    try:
        upload_verified(api, Target(repo), folder=folder, local=local, message="Add")
    except UserError as error:
        return str(error)

folder, *repos = Path(sys.argv[1]), *sys.argv[2:]
with ThreadPoolExecutor() as side_by_side:
    print(json.dumps([*side_by_side.map(told, repos)]))
"""


@LFS_ONLY
def test_every_fault_of_an_upload_is_told_in_words(
    online: CommandLine, hub: HubDouble, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    repos = [f"acme/bot-{status}" for status in FAULTS]
    for repo, status in zip(repos, FAULTS, strict=True):
        hub.add_repo(repo_id=repo)
        hub.fail(path=f"/{repo}/commit/", status=status, times=None)
    done = subprocess.run(
        [sys.executable, "-c", UPLOADS, str(folder), *repos],
        cwd=ROOT, env=online.environment, stdout=subprocess.PIPE, check=True, timeout=200,
    )  # fmt: skip
    for (status, words), told in zip(FAULTS.items(), json.loads(done.stdout), strict=True):
        assert words in str(told)
        # The server's own words, where there is no more to say than ours.
        assert ("The Hub says: Arranged" in told) is (status not in (401, None))


@LFS_ONLY
def test_a_push_that_fails_leaves_the_model_and_a_remedy(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    def expect_failure(words: str) -> None:
        done = online("push", trained, "acme/bot")
        assert done.returncode == 1, words
        assert words in done.stderr
        assert "Push again" in done.stderr
        assert "Traceback" not in done.stderr
        assert online.wait(trained)["state"] == "trained", words
        assert (online.home / "runs" / trained / "model" / "adapter_model.safetensors").exists()

    hub.over_quota("acme")
    expect_failure("has no storage left")
    hub.over_quota()
    hub.fail(path="/commit/", status=500, times=None)
    expect_failure("had an internal error")
    hub.heal()
    # The client itself does not try a commit again: what does is ours.
    away = hub.fail(path="/commit/", status=500, times=2)
    assert online("push", trained, "acme/bot").returncode == 0
    assert away.hits == 2
    status = online.status(trained)
    assert (status["state"], status["pushed_to"]) == ("done", "acme/bot")


@LFS_ONLY
def test_faults_on_the_way_and_a_slow_hub_are_waited_out(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    """Some are on the way to the repository, the others on that of the files."""
    hub.slow(path="/commit/", seconds=3)
    faults = [
        hub.fail(path=path, status=502, times=1)
        for path in ("/whoami-v2", "/repos/create", "/models/ada/bot/tree/", "/preupload/")
    ]
    limit = hub.fail(path="/commit/", status=429, headers={"Retry-After": "2"})
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert [fault.hits for fault in (*faults, limit)] == [1] * 5
    assert online.wait(trained)["pushed_to"] == "ada/bot"
    hub.stop()
    push = begin_push(online, trained, "ada/bot")

    def waits() -> int:
        notes = [e["note"] for e in online.events(trained) if e["kind"] == "push_progress"]
        return sum("did not respond" in note and "Trying again" in note for note in notes)

    # Longer than what goes wrong in passing, and as long as a restart takes.
    wait_until(lambda: waits() >= 3)
    hub.start()
    _, errors = push.communicate(timeout=200)
    assert push.returncode == 0, errors
    # What it waits for is shown, too.
    assert f"The Hub at {hub.endpoint} did not respond" in errors


def test_a_lost_answer_is_looked_after_and_a_revoked_token_is_final_and_said(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    lost = hub.fail(path="/commit/", method="POST", after=True)
    done = online("push", trained, "ada/bot")
    assert done.returncode == 0, done.stderr
    assert lost.hits == 1
    expect_whole(hub.files(repo_id="ada/bot"), model=online.home / "runs" / trained / "model")
    assert online.wait(trained)["state"] == "done"

    hold = hub.hold(path="/preupload/")
    push = begin_push(online, trained, "ada/other")
    assert hold.reached.wait(60)
    hub.revoke(token=TOKEN)
    hold.release()
    _, errors = push.communicate(timeout=200)
    assert push.returncode == 1
    assert "does not accept this token" in errors
    # What fails after a good push takes nothing back.
    status = online.wait(trained)
    assert (status["state"], status["pushed_to"]) == ("done", "ada/bot")
    assert "What was pushed before is on the Hub" in status["note"]
    assert (online.home / "runs" / trained / "model" / "adapter_model.safetensors").exists()


@LFS_ONLY
def test_a_killed_push_leaves_the_model_and_goes_again(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/commit/")
    push = begin_push(online, trained, "ada/bot")
    assert hold.reached.wait(60)
    for process in processes_of(online.home):
        if "core.jobs.supervisor" in words_of(process):
            process.kill()
    wait_until(lambda: push.poll() is not None)
    assert push.returncode == 1
    assert online.status(trained)["state"] == "trained"
    hold.release()
    assert online("push", trained, "ada/bot").returncode == 0
    assert online.wait(trained)["state"] == "done"


def begin_push(online: CommandLine, run: str, repo: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "core", "push", run, repo],
        cwd=ROOT, env=online.environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
