"""The result of a run is its best checkpoint where that is asked, also after it was cut off."""

import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerControl, TrainerState, TrainingArguments

from core.config.parse import parse_config
from core.config.training import TrainingSection
from core.runs.checkpoints import saved_checkpoints
from core.runs.events import BestModel, Evaluation, EventWriter, read_events
from core.runs.history import History
from core.runs.state import TrainerExit
from core.runs.store import Run, RunStore
from core.train.best import BestCheckpoint, best_weights
from core.train.session import train

pytestmark = pytest.mark.process

PATIENCE, MOST = 2, 40
# Far too fast: after a few steps it only becomes worse.
SETTINGS: dict[str, Any] = {
    "training": {
        "max_steps": MOST, "per_device_train_batch_size": 2, "learning_rate": 0.3,
        "save_steps": 1, "save_total_limit": 2, "early_stopping_patience": PATIENCE,
    },
    "schedule": {"lr_scheduler_type": "constant"},
    "evaluation": {"eval_steps": 1, "max_eval_samples": 4},
    "hardware": {"precision": "float32"},
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"method": {"max_length": 256}},
    "full": {"method": {"max_length": 256}, "adapter": {"kind": "full"}},
    "reward": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "reward", "max_length": 256},
    },
}


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def made(home: Path, **sections: Any) -> Run:
    config = parse_config(SETTINGS | sections)
    return RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)[0]


def trained(run: Run) -> BestModel:
    """What is told of the model, which lies in the run's folder and is that of its checkpoint."""
    assert train(run, EventWriter(run.paths.events)) is TrainerExit.FINISHED
    history = History(run.paths.events)
    history.follow()
    best = history.best
    assert best is not None
    saved = best_weights(run.paths.checkpoints, step=best.step, reads_all=True)
    assert saved is not None
    (weights,) = (path.name for path in saved.glob("*model.safetensors"))
    model, wanted = load_file(run.paths.model / weights), load_file(saved / weights)
    assert model.keys() == wanted.keys()
    assert all(torch.equal(model[name], wanted[name].to(model[name].dtype)) for name in wanted)
    losses = [e for e in read_events(run.paths.events, offset=0)[0] if isinstance(e, Evaluation)]
    lowest = min(losses, key=lambda event: event.values["eval_loss"] or 0)
    assert (best.step, best.values["eval_loss"]) == (lowest.step, lowest.values["eval_loss"])
    # The card tells of the model, and the curves go on to where the training ended.
    assert history.of_the_model["eval_loss"] == best.values["eval_loss"]
    assert history.latest["eval_loss"] > history.of_the_model["eval_loss"]
    assert f"The model is that of step {best.step}, with the lowest evaluation loss" in best.note
    return best


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_early_with_its_best_checkpoint_wherever_it_was_cut_off(
    home: Path, kind: str
) -> None:
    run = made(home, **KINDS[kind])
    best = trained(run)
    assert best.stopped_early
    assert best.note.startswith(f"Stopped early at step {best.last_step}. ")
    assert best.step + PATIENCE == best.last_step < MOST
    newest, before = saved_checkpoints(run.paths.checkpoints)
    assert [newest.step, before.step] == [best.last_step, best.last_step - 1]

    # Between its end and the saving of its model: it takes no step more.
    shutil.rmtree(run.paths.model)
    assert facts(trained(run)) == facts(best)
    # Before its end, with nothing but its newest checkpoint: on another machine, say.
    shutil.rmtree(newest.path)
    assert facts(trained(run)) == facts(best)


def test_a_best_checkpoint_that_is_lost_is_told_and_the_next_best_is_taken(tmp_path: Path) -> None:
    told: list[str] = []
    best = BestCheckpoint(TrainingSection(load_best_model_at_end=True), warn=told.append)
    state = TrainerState(global_step=6, best_global_step=4, best_metric=0.5)
    arguments = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    best.on_train_begin(arguments, state, TrainerControl())
    assert "that of step 4, is missing" in told[0]
    control = TrainerControl()
    arguments.metric_for_best_model, arguments.greater_is_better = "eval_loss", False
    best.on_evaluate(arguments, state, control, {"eval_loss": 0.75})
    assert control.should_save


def facts(best: BestModel) -> dict[str, Any]:
    return best.model_dump(exclude={"seq", "time"})
