"""The best checkpoint of a run, by its evaluation loss: kept, and taken as the result."""

import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from core.config.training import TrainingSection
from core.runs.checkpoint_files import damage
from core.runs.checkpoints import checkpoint_folder, saved_checkpoints
from core.runs.events import BestModel

LOSS, BEST = "eval_loss", "best"
WEIGHTS = (".safetensors", ".safetensors.index.json", "adapter_config.json")


class BestCheckpoint(EarlyStoppingCallback):
    """Has each new best saved, and ends a training that has come to none for a while.

    transformers' own `load_best_model_at_end` allows evaluations only where checkpoints are saved
    anyway, and goes by folders of this machine.
    """

    def __init__(self, training: TrainingSection, *, warn: Callable[[str], None]) -> None:
        patience = training.early_stopping_patience
        super().__init__(sys.maxsize if patience is None else patience)
        self.early_stopping_threshold = training.early_stopping_threshold
        self._warn = warn

    @property
    def has_stopped(self) -> bool:
        return bool(self.early_stopping_patience_counter >= self.early_stopping_patience)

    def state(self) -> dict[str, Any]:
        """What a checkpoint has of this, for `on_train_begin`."""
        counter = {"early_stopping_patience_counter": self.early_stopping_patience_counter}
        return {"args": {}, "attributes": counter}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        before = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        self.early_stopping_patience_counter = before["attributes"][
            "early_stopping_patience_counter"
        ]
        # It was cut off between its early end and the saving of its model.
        control.should_training_stop |= self.has_stopped
        step = state.best_global_step
        if step is not None and best_weights(Path(args.output_dir), step=step) is None:
            state.best_global_step = state.best_metric = None
            self._warn(
                f"The best checkpoint so far, that of step {step:,}, is missing. The best will be "
                "chosen from later evaluations."
            )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,
    ) -> None:
        super().on_evaluate(args, state, control, metrics)
        loss = metrics[LOSS]
        if math.isfinite(loss) and (state.best_metric is None or loss < state.best_metric):
            control.should_save = True


def carry_best(state: TrainerState, checkpoints: Path, newer: Path) -> None:
    """Link the weights of the best checkpoint into a newer one.

    So they go wherever the newest goes, such as to another machine, and stay when it is deleted.
    """
    step = state.best_global_step
    if step is None or step == state.global_step:
        return
    folder = best_weights(checkpoints, step=step)
    if folder is None:
        return
    # Where transformers looks for adapters to load besides, there is none: it is a folder deeper.
    carried = checkpoint_folder(newer / BEST, step=step)
    carried.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name.endswith(WEIGHTS):
            try:
                os.link(path, carried / path.name)
            except OSError:
                # Some file systems have no links.
                shutil.copy2(path, carried / path.name)


def best_weights(checkpoints: Path, *, step: int, reads_all: bool = False) -> Path | None:
    """Where the weights of this checkpoint lie: in its own folder, or in one that carries them."""
    own = checkpoint_folder(checkpoints, step=step)
    for saved in saved_checkpoints(checkpoints):
        folder = own if saved.path == own else checkpoint_folder(saved.path / BEST, step=step)
        if folder.is_dir() and not damage(saved.path, reads_all=reads_all):
            return folder
    return None


def take_best(
    trainer: Trainer, best: BestCheckpoint, *, warn: Callable[[str], None]
) -> BestModel | None:
    """Give the trainer's model the weights of its best checkpoint; None where it keeps its own."""
    state = trainer.state
    step = state.best_global_step
    if step is None:
        warn("No checkpoint is known to be the best, so the model is the last one.")
        return None
    folder = best_weights(Path(trainer.args.output_dir), step=step, reads_all=True)
    if folder is None:
        warn(f"The model is the last one: the best, that of step {step:,}, is lost or damaged.")
        return None
    if step != state.global_step:
        state.best_model_checkpoint = str(folder)
        trainer._load_best_model()
    measured = next(log for log in reversed(state.log_history) if _is_of(log, step))
    values = {name: value for name, value in measured.items() if name.startswith("eval_")}
    return BestModel(
        step=step, values=values, last_step=state.global_step, stopped_early=best.has_stopped
    )


def _is_of(log: dict[str, float], step: int) -> bool:
    return log.get("step") == step and LOSS in log
