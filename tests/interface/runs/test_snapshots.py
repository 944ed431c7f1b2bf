"""The list of runs tells what they are, and not what was last written of them."""

from pathlib import Path

from core.config.parse import parse_config
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from interface.runs.snapshots import Snapshots


def training(store: RunStore, *, submission: str) -> Run:
    run, _ = store.create(parse_config({}), files={}, submission=submission)
    run.write_status(run.status().model_copy(update={"state": RunState.TRAINING}))
    return run


def test_a_run_whose_supervisor_is_gone_is_not_listed_as_training(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    dead, alive = (training(store, submission=letter * 16) for letter in "ab")
    # As its supervisor does, for as long as it lives.
    held = alive.lock()
    assert held is not None
    snapshots = Snapshots(store, in_reach=True)
    states = {status.id: status.state for status in snapshots.statuses()}
    assert states == {dead.id: RunState.INTERRUPTED, alive.id: RunState.TRAINING}
    assert dead.status().state is RunState.INTERRUPTED
