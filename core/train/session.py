"""One training from its configuration to its saved model, read from top to bottom."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import yaml
from datasets import Dataset, disable_caching
from jinja2 import TemplateError
from transformers import Trainer, set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.resolved import Choice
from core.machine.atomic import publish_folder, write_atomically
from core.runs.checkpoints import newest_checkpoint, remove_torn_checkpoints
from core.runs.events import EventWriter, Resolved, Resumed, StateChanged, Warned
from core.runs.state import RunState, TrainerExit
from core.runs.store import Run
from core.train.callbacks import Reporter
from core.train.methods.sft import make_trainer
from core.train.model import load_model
from core.train.precision import choose_precision
from core.train.samples import sample_answers
from core.train.tokenizer import load_tokenizer
from core.train.tokens.load import load_data

LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "huggingface_hub")


def train(run: Run, events: EventWriter) -> TrainerExit:
    """Train the run's model, and leave it in the run's folder. Returns why it ended.

    Raises UserError for what a person can put right.
    """
    # What TRL makes of the tokens is this run's alone; the tokens themselves are kept by us.
    disable_caching()
    config = run.config()
    set_seed(config.training.seed)
    # A run that goes on does so with what it began with, whatever `auto` would choose today.
    before = run.resolved()
    precision = choose_precision(config.hardware.precision, before=before.get("precision"))
    model_source = load_tokenizer(
        config.model, home=run.home, before=before.get("model_revision")
    )  # fmt: skip
    data = load_data(
        config, run=run, tokenizer=model_source.tokenizer, tokenizer_id=model_source.id
    )
    for warning in data.warnings:
        events.write(Warned(text=warning))
    model = load_model(config, source=model_source, precision=precision.value)
    reporter = Reporter(run=run, events=events)
    prepared = make_trainer(
        config, run=run, model=model, tokenizer=model_source.tokenizer, data=data,
        precision=precision.value, reporter=reporter,
    )  # fmt: skip
    trainer = prepared.trainer
    choices = {
        "precision": precision,
        **model_source.choices,
        **data.choices,
        **prepared.choices,
        **{library: Choice(value=version(library)) for library in LIBRARIES},
    }
    _record(run, events, choices)

    remove_torn_checkpoints(run.paths.checkpoints)
    checkpoint = newest_checkpoint(run.paths.checkpoints)
    if checkpoint is not None:
        events.write(Resumed(step=checkpoint.step))
    events.write(StateChanged(state=RunState.TRAINING))
    trainer.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)

    if data.stream is not None:
        for warning in data.stream.told():
            events.write(Warned(text=warning))
    if reporter.machine_goes_down:
        # The checkpoint is written, and there may be no time for more.
        return TrainerExit.WENT_DOWN
    events.write(StateChanged(state=RunState.SAVING))
    _save(trainer, run.paths.model, base_model=config.model.name)
    is_whole = trainer.state.global_step >= trainer.state.max_steps
    if is_whole and data.evaluation is not None:
        _tell_samples(trainer, data.evaluation, model_source.tokenizer, events)
    return TrainerExit.FINISHED if is_whole else TrainerExit.STOPPED


def _record(run: Run, events: EventWriter, choices: dict[str, Choice]) -> None:
    """Keep what was left open and what it became."""
    events.write(Resolved(choices=choices))
    if not run.paths.resolved.exists():
        values = {name: choice.value for name, choice in choices.items()}
        write_atomically(run.paths.resolved, yaml.safe_dump(values, sort_keys=False))


def _tell_samples(
    trainer: Trainer, rows: Dataset, tokenizer: PreTrainedTokenizerBase, events: EventWriter
) -> None:
    """The model is saved by now, so what goes wrong here costs the samples alone."""
    try:
        samples = sample_answers(
            trainer.accelerator.unwrap_model(trainer.model),
            tokenizer=tokenizer, rows=rows, step=trainer.state.global_step,
        )  # fmt: skip
    except (
        RuntimeError, ValueError, TypeError, LookupError, AttributeError, TemplateError,
    ) as error:  # fmt: skip
        events.write(Warned(text=f"No sample answers could be made: {error}"))
        return
    for sample in samples:
        events.write(sample)


def _save(trainer: Trainer, folder: Path, *, base_model: str) -> None:
    """Put the model and its tokenizer into the folder, in the place of an earlier one."""
    aside = folder.with_name(".model")
    shutil.rmtree(aside, ignore_errors=True)
    trainer.save_model(str(aside))
    # Pickled settings of the trainer: nobody who loads the model should have to open a pickle.
    (aside / "training_args.bin").unlink(missing_ok=True)
    # A card of blanks, with this machine's folder in it. Ours is written when it is pushed.
    (aside / "README.md").unlink(missing_ok=True)
    _name_base(aside / "adapter_config.json", base_model)
    if folder.exists():
        shutil.rmtree(folder)
    publish_folder(aside, folder)


def _name_base(path: Path, base_model: str) -> None:
    """Have an adapter name its base as the Hub does, not by a folder of this machine."""
    if path.exists():
        settings = json.loads(path.read_text(encoding="utf-8"))
        settings["base_model_name_or_path"] = base_model
        path.write_text(json.dumps(settings, indent=2), encoding="utf-8")
