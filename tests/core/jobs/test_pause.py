"""The Space is not paused while something would be lost or broken off."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.checkpoint_sync.status import SyncStatus
from core.errors import UserError
from core.jobs.pause import is_at_risk, pause_if_all_is_pushed
from core.machine.atomic import lock_file
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from tests.interface.harness import make_run
from tests.saved_checkpoint import save_checkpoint


def has_checkpoint(run: Run) -> None:
    save_checkpoint(run.paths.checkpoints, step=5)


def has_model(run: Run) -> None:
    run.paths.model.mkdir()


def gets_a_demo(run: Run) -> None:
    run.paths.demo.write_text('{"note": "Creating the Space…"}', encoding="utf-8")


def nothing(_: Run) -> None: ...


@contextmanager
def supervised(run: Run) -> Iterator[None]:
    """As long as its supervisor lives, where it is live."""
    held = run.lock() if run.status().state.live else None
    yield
    if held is not None:
        os.close(held)


@contextmanager
def being_made(run: Run) -> Iterator[None]:
    """As long as its demo is being made."""
    held = lock_file(run.paths.demo_lock)
    assert held is not None
    yield
    os.close(held)


@pytest.mark.parametrize(
    ("state", "prepare", "reason"),
    [
        (RunState.QUEUED, nothing, "is still at work"),
        (RunState.TRAINING, has_checkpoint, "is still at work"),
        (RunState.PUSHING, has_model, "is still at work"),
        (RunState.STOPPED, has_checkpoint, "has a checkpoint to go on from"),
        (RunState.TRAINED, has_model, "has a model that is not pushed"),
        (RunState.DONE, gets_a_demo, "is getting a demo Space"),
    ],
)
def test_what_keeps_a_space_awake(
    tmp_path: Path, state: RunState, prepare: Callable[[Run], None], reason: str
) -> None:
    store = RunStore(tmp_path)
    # These two have nothing to lose.
    make_run(store, state=RunState.CANCELED, steps=5)
    make_run(store, state=RunState.FAILED).paths.checkpoints.mkdir()
    run = make_run(store, state=state)
    prepare(run)
    with (
        supervised(run),
        being_made(run) if prepare is gets_a_demo else nullcontext(),
        pytest.raises(UserError, match=reason),
    ):
        pause_if_all_is_pushed(store, space_id="acme/space", token=SecretStr("hf_none"))


def test_a_run_that_died_keeps_a_space_awake_for_its_checkpoint_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert not is_at_risk(make_run(store, state=RunState.TRAINING))
    has_checkpoint(make_run(store, state=RunState.TRAINING))
    with pytest.raises(UserError, match="has a checkpoint to go on from"):
        pause_if_all_is_pushed(store, space_id="acme/space", token=SecretStr("hf_none"))


@pytest.mark.parametrize(
    ("state", "step", "problem", "at_risk"),
    [
        (RunState.STOPPED, 5, "", False),
        (RunState.STOPPED, 4, "", True),
        (RunState.STOPPED, 5, "The Hub requires payment.", True),
        (RunState.INTERRUPTED, 0, "", True),
        # While it trains, what is synced follows a little behind.
        (RunState.TRAINING, 4, "", False),
        (RunState.TRAINING, 0, "", True),
    ],
)
def test_what_is_synced_to_the_hub_is_not_on_this_disk_only(
    tmp_path: Path, state: RunState, step: int, problem: str, at_risk: bool
) -> None:
    run = make_run(RunStore(tmp_path), state=state)
    has_checkpoint(run)
    synced = SyncStatus(repo="ada/synced", step=step, problem=problem)
    run.paths.sync_status.write_text(synced.model_dump_json(), encoding="utf-8")
    with supervised(run):
        assert is_at_risk(run) is at_risk
