"""What a run needs beyond TRL: whole checkpoints, and a warm-up that ends."""

from pathlib import Path
from typing import Any

from transformers import Trainer

from core.machine.atomic import publish_folder
from core.runs.checkpoints import UNFINISHED, checkpoint_folder, remove_torn_checkpoints
from core.train.schedule import warmup_within


class RunTrainer(Trainer):
    """A mixin for any of TRL's trainers, to be named before it among the bases.

    Writes each checkpoint aside, has it on the disk, and only then gives it its name.
    """

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        self.args.warmup_steps = warmup_within(
            self.args.get_warmup_steps(num_training_steps), total_steps=num_training_steps
        )
        return super().create_scheduler(num_training_steps, optimizer)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.state.global_step >= self.state.max_steps:
            # Cut off between its last step and its end, it would take a step too many.
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        final = Path(self.args.output_dir)
        aside = final / UNFINISHED
        limit = self.args.save_total_limit
        remove_torn_checkpoints(final)
        self.args.output_dir, self.args.save_total_limit = str(aside), None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir, self.args.save_total_limit = str(final), limit
        whole = checkpoint_folder(final, step=self.state.global_step)
        if whole.exists():
            # Stopping at a step that was saved a moment ago writes the same once more.
            remove_torn_checkpoints(final)
            return
        publish_folder(aside / whole.name, whole)
        self._delete_oldest(final, limit)
        remove_torn_checkpoints(final)

    def _delete_oldest(self, folder: Path, limit: int | None) -> None:
        """Renamed first: a kill in the middle must leave no half checkpoint behind."""
        names = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        for path in names[: -(limit or len(names))]:
            aside = folder / UNFINISHED
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
