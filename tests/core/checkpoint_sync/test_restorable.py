"""What the Hub has of a person's runs: their own account first, and one run without the others."""

from datetime import UTC, datetime

import pytest

from core.checkpoint_sync.manifest import PREFIX, Manifest
from core.checkpoint_sync.restorable import restorable_run, restorable_runs
from core.errors import HubAway, UserError
from core.runs.state import RunState
from tests.core.conftest import NEAR_TOKEN
from tests.hub import HubDouble

RUN = "20260101-000000-0123abcd"
OTHER = "20260102-000000-0123abcd"


def add_checkpoint(hub: HubDouble, *, run: str, owner: str) -> None:
    manifest = Manifest(
        run=run, name="bot", step=2, total=4, state=RunState.STOPPED, updated=datetime.now(UTC),
        auto_resume=False, folder="step-2", files={},
    )  # fmt: skip
    files = {"manifest.json": manifest.model_dump_json().encode()}
    hub.add_repo(repo_id=f"{owner}/{PREFIX}{run}", files=files, private=True)


def test_one_run_is_found_in_any_account_without_a_look_at_the_others(near_hub: HubDouble) -> None:
    add_checkpoint(near_hub, run=RUN, owner="acme")
    add_checkpoint(near_hub, run=OTHER, owner="acme")
    assert restorable_run(RUN, NEAR_TOKEN).repo == f"acme/{PREFIX}{RUN}"
    assert near_hub.count(path=OTHER) == 0
    # An account that refuses, here the person's own, hides nothing in another.
    near_hub.fail(path=f"/ada/{PREFIX}", status=403, times=None)
    assert restorable_run(RUN, NEAR_TOKEN).repo == f"acme/{PREFIX}{RUN}"
    with pytest.raises(UserError, match="no checkpoint of a run 20260103") as told:
        restorable_run("20260103-000000-0123abcd", NEAR_TOKEN)
    assert "ada could not be looked into" in told.value.hint
    for none in ("another", "../x", ""):
        with pytest.raises(UserError, match="no checkpoint of a run"):
            restorable_run(none, NEAR_TOKEN)


def test_the_own_account_is_looked_into_first(near_hub: HubDouble) -> None:
    add_checkpoint(near_hub, run=RUN, owner="acme")
    near_hub.fail(path="/api/models", status=403)
    found = restorable_runs(NEAR_TOKEN)
    assert [synced.manifest.run for synced in found.runs] == [RUN]
    assert [problem.split(" could")[0] for problem in found.problems] == ["The runs of ada"]
    # Where the Hub is away, one account is enough to know.
    away = near_hub.fail(
        path="/api/models", status=503, headers={"Retry-After": "3600"}, times=None
    )
    with pytest.raises(HubAway):
        restorable_runs(NEAR_TOKEN)
    assert away.hits == 1
