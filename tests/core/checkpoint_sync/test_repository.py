"""What is done to the repository of a run's checkpoints, however long the Hub takes for it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.checkpoint_sync.manifest import Manifest
from core.checkpoint_sync.repository import SyncRepository
from core.runs.state import RunState
from tests.core.conftest import NEAR_TOKEN
from tests.hub import HubDouble

REPO = "ada/bot"


def test_a_squash_whose_answer_is_lost_is_looked_after(near_hub: HubDouble) -> None:
    near_hub.add_repo(repo_id=REPO)
    near_hub.commit(repo_id=REPO, files={"a": b"a"})
    repository = SyncRepository(REPO, token=NEAR_TOKEN, here="here")
    refused = near_hub.fail(path="/super-squash/", status=500)
    assert not repository.squash_history()
    lost = near_hub.fail(path="/super-squash/", after=True)
    assert repository.squash_history()
    assert (refused.hits, lost.hits) == (1, 1)


def test_a_step_with_files_takes_as_long_as_its_upload(
    near_hub: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near_hub.add_repo(repo_id=REPO)
    parent = near_hub.commit(repo_id=REPO, files={"a": b"a"})
    # A call has six seconds, and each of the requests of this one more than half of them.
    monkeypatch.setenv("SMOLFACTORY_HUB_SECONDS", "1.5")
    for path in ("/preupload/", "/commit/"):
        near_hub.slow(path=path, seconds=3.5)
    (tmp_path / "optimizer.pt").write_bytes(b"state")
    manifest = Manifest(
        run="20260101-000000-0123abcd", name="bot", step=2, total=4, state=RunState.TRAINING,
        updated=datetime.now(UTC), auto_resume=False, folder="step-2", files={},
    )  # fmt: skip
    repository = SyncRepository(REPO, token=NEAR_TOKEN, here="here")
    files = {"step-2/optimizer.pt": tmp_path / "optimizer.pt"}
    repository.commit_step(manifest, parent=parent, files=files)
    assert near_hub.files(repo_id=REPO)["step-2/optimizer.pt"] == b"state"
