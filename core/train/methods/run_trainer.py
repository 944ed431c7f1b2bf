"""What a run needs beyond TRL: whole checkpoints, a warm-up that ends, and figures that hold.

Those go on where a run does. In an evaluation each row counts the same, whatever the batch size is.
Two things depend on it all the same: KTO's divergence, which is estimated from the rows of a batch,
and a loss per token (ORPO's, CPO's, DPO's `sft`), of which each batch takes its own mean.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_utils import EvalLoopOutput, SaveStrategy

from core.machine.atomic import publish_folder
from core.runs.checkpoint_files import damage, write_manifest
from core.runs.checkpoints import (
    UNFINISHED,
    checkpoint_folder,
    remove_torn_checkpoints,
    saved_checkpoints,
    set_aside,
)
from core.train.best import BestCheckpoint, carry_best
from core.train.schedule import warmup_within


class RunTrainer(Trainer):
    """A mixin for any of TRL's trainers, to be named before it among the bases.

    Writes each checkpoint aside, then its manifest, has both on the disk, and only then gives it
    its name.
    """

    # Of each batch of the evaluation at hand: its loss, and how much that counts.
    _losses: list[torch.Tensor]

    def weight_of(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """How much a batch counts in an evaluation: as many rows as it has."""
        return torch.tensor(len(batch["input_ids"]))

    def evaluated(self) -> dict[str, list[float]]:
        """What TRL's trainer has measured in an evaluation, each by the batch."""
        figures: dict[str, list[float]] = self._metrics["eval"]
        return figures

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        weight = self.weight_of(inputs)
        predicted = super().prediction_step(model, inputs, *args, **kwargs)
        loss = predicted[0].detach().float()
        weight = weight.to(loss)
        self._losses.append(torch.stack([loss * weight, weight]))
        return predicted

    def evaluation_loop(
        self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any
    ) -> EvalLoopOutput:
        """transformers and TRL take the mean over batches, of which the last is often smaller."""
        self._losses = []
        done = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        if self._losses:
            # One row for each batch of all processes at that step.
            gathered = [self.accelerator.gather(each[None]) for each in self._losses]
            by_step = torch.stack([each.sum(dim=0) for each in gathered]).double().cpu()
            losses, weights = by_step.T
            done.metrics[f"{metric_key_prefix}_loss"] = float(losses.sum() / weights.sum())
            for values in self.evaluated().values():
                if len(values) == len(weights):
                    measured = torch.tensor(values).double()
                    # What could not be told of a batch counts neither way.
                    known = ~measured.isnan()
                    mean = (measured * weights)[known].sum() / weights[known].sum()
                    values[:] = [float(mean)]
        return done

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        begun = super()._init_training_state(*args, **kwargs)
        # TRL counts from nought whenever a run goes on.
        self._total_train_tokens = self.state.num_input_tokens_seen
        return begun

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        self.args.warmup_steps = warmup_within(
            self.args.get_warmup_steps(num_training_steps), total_steps=num_training_steps
        )
        return super().create_scheduler(num_training_steps, optimizer)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        # Cut off between its last step and its end, it would take a step too many.
        self.control.should_training_stop |= self.state.global_step >= self.state.max_steps
        if self.control.should_training_stop:
            return
        super()._run_epoch(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.state.num_input_tokens_seen = self._total_train_tokens
        final = Path(self.args.output_dir)
        whole = checkpoint_folder(final, step=self.state.global_step)
        remove_torn_checkpoints(final)
        if whole.exists() and not damage(whole, reads_all=False):
            # Asked to stop at a step that was saved a moment ago.
            return
        try:
            aside = self._write_aside(model, trial, final / UNFINISHED / whole.name)
        except Exception:
            # A full disk has its room back at once.
            remove_torn_checkpoints(final)
            raise
        if whole.exists():
            shutil.rmtree(whole)
        publish_folder(aside, whole)
        self._delete_oldest(final)
        remove_torn_checkpoints(final)

    def _write_aside(self, model: Any, trial: Any, aside: Path) -> Path:
        args = self.args
        before = (args.output_dir, args.save_total_limit, args.save_strategy)
        # With a strategy it would take down this folder as that of the best.
        args.output_dir, args.save_total_limit = str(aside.parent), None
        args.save_strategy = SaveStrategy.NO
        try:
            super()._save_checkpoint(model, trial)
        finally:
            args.output_dir, args.save_total_limit, args.save_strategy = before
        if any(isinstance(each, BestCheckpoint) for each in self.callback_handler.callbacks):
            carry_best(self.state, Path(args.output_dir), aside)
        write_manifest(aside)
        return aside

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Checkpoints and models without the trainer's settings.

        Nothing needs them again, and nobody who loads a model should have to open a pickle.
        """
        super()._save(output_dir, state_dict)
        (Path(output_dir or self.args.output_dir) / TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def _delete_oldest(self, folder: Path) -> None:
        """Renamed first: a kill in the middle must leave no half checkpoint behind."""
        saved = saved_checkpoints(folder)
        for each in saved[self.args.save_total_limit or len(saved) :]:
            set_aside(each.path)
