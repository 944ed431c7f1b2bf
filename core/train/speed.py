"""Remembers how fast this machine has trained, for the forecasts of the next runs."""

from transformers import Trainer

from core.config.options import Switch
from core.config.resolved import Choice
from core.estimate.model_shape import UnknownShape, shape_of
from core.estimate.speed import remember_speed
from core.estimate.work import flops_per_token
from core.machine.hardware import devices
from core.runs.store import Run
from core.train.callbacks import Reporter


def note_speed(trainer: Trainer, reporter: Reporter, run: Run, choices: dict[str, Choice]) -> None:
    """Note the work of the steps that this training has taken, and their time."""
    config, model = run.config(), trainer.accelerator.unwrap_model(trainer.model)
    if config.method.generates:
        # Most of its time goes into writing, which is not counted as work.
        return
    rows = (
        reporter.steps
        * config.training.per_device_train_batch_size
        * config.training.gradient_accumulation_steps
        * config.method.sequences_a_row
    )
    if not rows:
        return
    try:
        shape = shape_of(model.config.to_dict(), parameters=model.num_parameters())
    except UnknownShape:
        return
    per_token = flops_per_token(
        config, shape, mean_length=reporter.tokens / rows,
        checkpointing=choices["gradient_checkpointing"].value == Switch.ON,
    )  # fmt: skip
    remember_speed(
        run.home, device=devices()[0], precision=choices["precision"].value, hidden=shape.hidden,
        flops=per_token * reporter.tokens, seconds=reporter.step_seconds,
        quantization=config.model.quantization,
    )  # fmt: skip
