"""The list of runs tells what they are, and not what was last written of them."""

import os
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.errors import UserError
from core.jobs.queue import Queue, Ticket, TokenOwner
from core.jobs.record import enter
from core.machine import disk
from core.runs.events import BestModel, EventWriter, Progress, StateChanged
from core.runs.state import RunState, UnreadableRun
from core.runs.store import Run, RunStore
from interface.runs import run_view
from interface.runs.snapshots import Snapshots


def waiting(store: RunStore, *, name: str) -> Run:
    config = parse_config({"output": {"name": name}})
    run, _ = store.create(config, files={}, submission=name.encode().hex())
    Queue(store.home).add(run, Ticket(stages=[], token_owner=TokenOwner.NOBODY))
    return run


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
    states = {status.id: str(status.state) for status in snapshots.statuses()}
    assert states == {dead.id: RunState.INTERRUPTED, alive.id: RunState.TRAINING}
    assert dead.status().state is RunState.INTERRUPTED


STRANGE = (b'{"galaxy": "far away"}', b"[]", b"3", b"{", b"", b"\xff\xfe\x00")


@pytest.mark.parametrize("data", STRANGE)
def test_files_of_another_version_do_not_keep_a_run_from_being_shown(
    tmp_path: Path, data: bytes
) -> None:
    store = RunStore(tmp_path)
    run = training(store, submission="a" * 16)
    held = run.lock()
    assert held is not None
    paths = run.paths
    for path in (
        paths.push, paths.request, paths.config, paths.resolved, paths.demo, paths.sync_status,
        paths.events, paths.log,
    ):  # fmt: skip
        path.write_bytes(data)
    snapshot = Snapshots(store, in_reach=True).take(run.id)
    os.close(held)
    assert snapshot is not None
    assert snapshot.status.state is RunState.TRAINING
    assert (snapshot.wish, snapshot.output) == (None, None)
    assert "role=" in run_view.head(snapshot)


def test_a_run_whose_status_cannot_be_read_is_listed_with_what_to_do(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    torn, whole = (training(store, submission=letter * 16) for letter in "ab")
    torn.paths.status.write_text("{", encoding="utf-8")
    snapshots = Snapshots(store, in_reach=True)
    listed = {status.id: status for status in snapshots.statuses()}
    assert listed.keys() == {torn.id, whole.id}
    assert isinstance(listed[torn.id], UnreadableRun)
    shown = run_view.run_list(snapshots.statuses(), selected=torn.id)
    assert "Unreadable" in shown
    assert "Another version of SmolFactory wrote status.json, or it is damaged" in shown
    with pytest.raises(UserError, match="Another version of SmolFactory"):
        snapshots.take(torn.id)


def test_a_disk_that_is_full_is_told_while_something_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(RunStore(tmp_path), submission="a" * 16)
    held = run.lock()
    assert held is not None
    snapshots = Snapshots(RunStore(tmp_path), in_reach=True)

    def head() -> str:
        snapshot = snapshots.take(run.id)
        assert snapshot is not None
        return run_view.head(snapshot)

    assert "The disk is full" not in head()
    monkeypatch.setattr(disk, "FULL_BYTES", 10**18)
    assert "The disk is full: make room now" in head()
    os.close(held)


def test_a_run_that_stopped_early_is_through_and_says_whose_model_it_has(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = training(store, submission="c" * 16)
    best = BestModel(step=4, values={"eval_loss": 1.25}, last_step=6, stopped_early=True)
    events = EventWriter(run.paths.events)
    events.write(
        Progress(step=6, total=40, epoch=0, tokens=0, tokens_per_second=0, seconds=1, eta=None)
    )
    for event in (best, StateChanged(state=RunState.DONE, note=best.note)):
        events.write(event)
    run.write_status(run.status().model_copy(update={"state": RunState.DONE, "note": best.note}))
    snapshot = Snapshots(store, in_reach=True).take(run.id)
    assert snapshot is not None
    shown = run_view.head(snapshot)
    assert 'aria-valuenow="100"' in shown
    assert "Stopped early at step 6. The model is that of step 4, with the lowest" in shown


def test_a_waiting_run_says_what_it_waits_for(tmp_path: Path) -> None:
    store, snapshots = RunStore(tmp_path), Snapshots(RunStore(tmp_path), in_reach=True)
    # Nobody starts what waits.
    assert Queue(store.home).lock() is not None
    first = waiting(store, name="first")
    assert "It starts in a moment." in head(snapshots, first)
    busy = training(store, submission="a" * 16)
    assert busy.lock() is not None
    last = waiting(store, name="last1")
    at_work = f"Waiting for “{busy.status().name}” (training)"
    assert f"{at_work}. This run is next." in head(snapshots, first)
    assert f"{at_work}, then 1 run ahead of it: “first”." in head(snapshots, last)
    snapshot = snapshots.take(last.id)
    assert snapshot is not None
    offered = run_view.buttons(snapshot)
    assert (offered.stop, offered.cancel) == (False, True)
    assert "leaves the queue" in run_view.cancel_words(snapshot)
    enter(last, RunState.CANCELED)
    shown = head(snapshots, last)
    assert ("queued" in shown, "started" in shown) == (True, False)


def test_what_is_done_before_the_first_step_and_after_the_last_is_said(tmp_path: Path) -> None:
    run = training(RunStore(tmp_path), submission="a" * 16)
    snapshots = Snapshots(RunStore(tmp_path), in_reach=True)
    held = run.lock()
    assert held is not None
    enter(run, RunState.PREPARING)
    assert "Loading the tokenizer" in head(snapshots, run)
    enter(run, RunState.TRAINING)
    told = {0: (None, "the first step"), 1: (78.0, "Time left"), 40: (0.0, "All steps are done")}
    for step, (eta, said) in told.items():
        at_step = Progress(
            step=step, total=40, epoch=0, tokens=0, tokens_per_second=0, seconds=1, eta=eta
        )
        EventWriter(run.paths.events).write(at_step)
        shown = head(snapshots, run)
        assert said in shown
        assert ("Time left" in shown) == (step == 1)
    os.close(held)


def head(snapshots: Snapshots, run: Run) -> str:
    snapshots.statuses()
    snapshot = snapshots.take(run.id)
    assert snapshot is not None
    return run_view.head(snapshot)
