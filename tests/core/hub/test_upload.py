"""An upload's own commit is known from those of others, and its refusal from what follows."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import UserError
from core.hub.client import hub_client
from core.hub.upload import Target, fingerprints, upload_verified
from tests.core.conftest import NEAR_TOKEN as TOKEN
from tests.hub import HubDouble

REPO = "ada/bot"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}", encoding="utf-8")
    return made


def upload(folder: Path) -> str | None:
    return upload_verified(
        hub_client(TOKEN), Target(REPO), folder=folder, local=fingerprints(folder), message="Add"
    )


def test_a_commit_of_others_right_after_is_not_taken_for_ones_own(
    near_hub: HubDouble, folder: Path
) -> None:
    repo = near_hub.add_repo(repo_id=REPO)
    hold = near_hub.hold(path=f"/{REPO}/tree/")
    with ThreadPoolExecutor() as beside:
        sending = beside.submit(upload, folder)
        assert hold.reached.wait(60)
        # The listing before the upload has come; the next one follows it.
        after = near_hub.hold(path=f"/{REPO}/tree/")
        hold.release()
        assert after.reached.wait(60)
        own = repo.head
        theirs = near_hub.commit(repo_id=REPO, files={"notes.txt": b"Theirs."})
        after.release()
        assert sending.result() == own != theirs
    # What is there already is committed by nobody.
    assert upload(folder) is None


@pytest.mark.parametrize(
    ("status", "words", "asked"),
    [
        # No missing Xet explains it.
        (403, "no permission for the upload", 0),
        (404, "does not know ada/bot", 1),
    ],
)
def test_what_goes_wrong_after_a_refusal_does_not_hide_it(
    near_hub: HubDouble,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    words: str,
    asked: int,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    near_hub.add_repo(repo_id=REPO)
    near_hub.fail(path=f"/{REPO}/commit/", status=status, times=None)
    near_hub.fail(path="/xet-write-token/", status=429, headers={"Retry-After": "3600"}, times=None)
    with pytest.raises(UserError, match=words):
        upload(folder)
    assert near_hub.count(path="/xet-write-token/") == asked
