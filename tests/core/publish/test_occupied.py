"""What others have put into a repository is replaced only with leave, and told before."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.errors import HubUnreachable
from core.hub.client import hub_client
from core.publish.occupied import (
    Contents,
    Occupied,
    replacement,
    require_free,
    require_still_free,
    upload_title,
)
from core.publish.push import leave_to_replace
from core.runs.events import EventWriter, ReplaceAllowed
from core.runs.store import Run, RunStore
from tests.command_line import CommandLine
from tests.core.conftest import LFS_ONLY, NEAR_TOKEN
from tests.core.publish.test_push_faults import begin_push
from tests.hub import HubDouble

HERS = {"README.md": b"Hers.", "model.safetensors": b"Hers too.", "notes.txt": b"Precious."}


def contents(*files: str) -> Contents:
    changed = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
    return Contents(repo="ada/bot", commit="c", changed=changed, files=frozenset(files))


def test_what_is_there_is_counted_and_named() -> None:
    assert str(contents("b", "a")) == "2 files (a, b), last changed 2026-11-26 17:30 UTC"
    assert str(contents(*"edcba")).startswith("5 files (a, b, c, d and 1 more), last")


@pytest.mark.parametrize(
    ("deleted", "words"),
    [
        ((), "overwritten: 1 file (README.md); left as they are: 2 files (model.bin, notes)"),
        (
            ("model*", "README.md"),
            "overwritten: 1 file (README.md); deleted: 1 file (model.bin); left as they are: "
            "1 file (notes)",
        ),
    ],
)
def test_it_is_told_which_files_go_and_which_stay(deleted: tuple[str, ...], words: str) -> None:
    there = contents("README.md", "notes", "model.bin")
    assert replacement(there, pushed={"README.md": 1, "new": 2}, deleted=deleted) == words


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One whose push may replace what is there."""
    asked = {"version": 2, "output": {"name": "bot", "replace": True}}
    made, _ = RunStore(tmp_path).create(parse_config(asked), files={}, submission="ab" * 8)
    return made


def test_leave_to_replace_is_of_what_was_there_when_it_was_given(
    near_hub: HubDouble, run: Run
) -> None:
    def may_replace() -> bool:
        return require_still_free(api, "ada/bot", run=run) is not None

    head = near_hub.add_repo(repo_id="ada/bot", files=HERS).head
    assert head is not None
    api = hub_client(NEAR_TOKEN)
    with pytest.raises(Occupied, match="It isn't known whether what is in ada/bot") as unknown:
        # Nothing was there, or the Hub didn't say, when it was given.
        may_replace()
    assert "push again with `output.replace`" in unknown.value.hint
    EventWriter(run.paths.events).write(ReplaceAllowed(repo="ada/bot", commit=head))
    assert may_replace()
    near_hub.commit(repo_id="ada/bot", files={"notes.txt": b"Since then."})
    with pytest.raises(Occupied, match=r"was changed after `output\.replace` was turned on"):
        may_replace()
    # Its own needs no leave; what came on top of it does.
    near_hub.commit(repo_id="ada/bot", files={"a": b"a"}, title=upload_title(run))
    assert not may_replace()
    near_hub.commit(repo_id="ada/bot", files={"README.md": b"Better."})
    with pytest.raises(Occupied, match="ada/bot was changed after this run's last push"):
        require_free(api, "ada/bot", run=run, replace=False)


def test_leave_to_replace_is_good_for_one_push_also_for_one_that_fails(run: Run) -> None:
    with pytest.raises(HubUnreachable), leave_to_replace(run):
        raise HubUnreachable("The Hub is away.")
    assert run.config().output.replace
    assert not run.output().replace


@LFS_ONLY
def test_nothing_of_others_is_replaced_without_leave(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    repo = hub.add_repo(repo_id="ada/bot", files=HERS, private=True)
    before = repo.head
    refused = online("push", trained, "ada/bot")
    assert refused.returncode == 2
    assert "3 files (README.md, model.safetensors, notes.txt), last changed 2" in refused.stderr
    assert "--replace" in refused.stderr
    assert (repo.head, online.status(trained)["state"]) == (before, "done")

    replaced = online("push", trained, "ada/bot", "--replace")
    assert replaced.returncode == 0, replaced.stderr
    notes = [e["note"] for e in online.events(trained) if e["kind"] == "push_progress"]
    assert (
        "Replacing what is in ada/bot: overwritten: 1 file (README.md); deleted: 1 file "
        "(model.safetensors); left as they are: 1 file (notes.txt)." in notes
    )
    pushed = next(e for e in online.events(trained) if e["kind"] == "pushed")
    assert pushed["replaced"] == before
    there = hub.files(repo_id="ada/bot")
    assert there["notes.txt"] == HERS["notes.txt"]
    assert "adapter_model.safetensors" in there

    # Its own it may renew, but what somebody has changed since is somebody's again.
    assert online("push", trained, "ada/bot").returncode == 0
    theirs = hub.commit(repo_id="ada/bot", files={"README.md": b"Better words."})
    refused = online("push", trained, "ada/bot")
    assert (refused.returncode, repo.head) == (2, theirs)
    assert "ada/bot was changed after this run's last push." in refused.stderr


@LFS_ONLY
def test_what_is_committed_between_the_check_and_the_upload_stays(
    online: CommandLine, hub: HubDouble, trained: str
) -> None:
    hold = hub.hold(path="/commit/")
    push = begin_push(online, trained, "ada/late")
    assert hold.reached.wait(60)
    theirs = hub.commit(repo_id="ada/late", files={"README.md": b"Just now."})
    hold.release()
    _, errors = push.communicate(timeout=200)
    assert push.returncode == 1
    assert "ada/late already has content that this run did not push: 1 file (README.md)" in errors
    assert "Push again" in errors
    assert hub.repo(repo_id="ada/late").head == theirs
    # The model is safe, and goes elsewhere.
    assert online.wait(trained)["state"] == "trained"
    assert online("push", trained, "ada/elsewhere").returncode == 0
