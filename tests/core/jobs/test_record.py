"""What is written down of how a run ended agrees with what is there."""

from pathlib import Path

from core.config.parse import parse_config
from core.jobs.dispatcher import call_off
from core.runs.store import Run, RunStore


def called_off(store: RunStore, *, has_model: bool) -> Run:
    run, _ = store.create(parse_config({}), files={}, submission=f"{has_model:016x}")
    if has_model:
        run.paths.model.mkdir()
    call_off(run)
    return run


def test_a_canceled_run_does_not_deny_the_model_that_it_has(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    new, resumed = (called_off(store, has_model=has_model) for has_model in (False, True))
    assert new.status().note == "Canceled before it started."
    assert (
        resumed.status().note
        == f"{new.status().note} The model from its earlier stop is still there."
    )
