"""One training from its configuration to its saved model, read from top to bottom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
import yaml
from datasets import Dataset, disable_caching
from jinja2 import TemplateError
from pynvml import NVMLError
from transformers import PreTrainedModel, Trainer, TrainerCallback, set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.options import BITSANDBYTES, Switch
from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.machine.atomic import write_atomically
from core.runs.causes import FailureCause
from core.runs.checkpoints import mark_damaged, remove_torn_checkpoints, resume_point
from core.runs.events import EventWriter, ModelSaved, Resolved, Resumed, StateChanged, Warned
from core.runs.state import RunState, TrainerExit
from core.runs.store import Run
from core.train.adapter import adapter_errors, keep_beginning, peft_config
from core.train.arguments import choose_gradient_checkpointing, training_arguments
from core.train.best import BestCheckpoint, take_best
from core.train.callbacks import Reporter
from core.train.freeze import freeze_all_but
from core.train.fused_head import choose_fused_head
from core.train.generation import settle_generation
from core.train.health import DivergenceWatch, LossWatch, RewardWatch
from core.train.memory import free_memory, longest_row, memory_of
from core.train.methods import method_of
from core.train.methods.base import TrainerParts
from core.train.model import load_model, stored_dtype
from core.train.padding import choose_padding_free
from core.train.precision import choose_precision
from core.train.quantization import keep_trained_exact
from core.train.reward_models import load_reward_models
from core.train.samples import sample_answers
from core.train.save import save_model
from core.train.speed import note_speed
from core.train.tokenizer import ModelSource, load_tokenizer
from core.train.tokens.load import Data, load_data

LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "huggingface_hub")


@dataclass(frozen=True)
class Prepared:
    """A trainer, what it was made of, and what became of the settings that were left open."""

    trainer: Trainer
    source: ModelSource
    data: Data
    choices: dict[str, Choice]
    # The number format that the base is stored in.
    stored: torch.dtype
    # What the adapter begins as, where it takes over a part of the base.
    beginning: Path | None


SAMPLING = "The model is saved. Now it answers a few of the held-out prompts…"


def train(run: Run, events: EventWriter) -> TrainerExit:
    """Train the run's model, and leave it in the run's folder. Returns why it ended.

    Raises UserError for what a person can put right.
    """

    def warn(text: str, cause: FailureCause | None = None) -> None:
        events.write(Warned(text=text, cause=cause))

    training, generates = run.config().training, run.config().method.generates
    reporter = Reporter(run=run, events=events)
    best = BestCheckpoint(training, warn=warn) if training.keeps_best else None
    watch: list[TrainerCallback] = [reporter, LossWatch(may_be_zero=generates)]
    if generates:
        watch.append(RewardWatch(partial(warn, cause=FailureCause.REWARDS_ALIKE)))
    else:
        watch.append(DivergenceWatch(partial(warn, cause=FailureCause.DIVERGING)))
    watch += [best] if best else []
    prepared = prepare(run, callbacks=watch, warn=warn)
    trainer, data = prepared.trainer, prepared.data
    _record(run, events, prepared.choices)
    _run_trainer(trainer, run, events)
    for text in data.stream.told() if data.stream is not None else ():
        warn(text)
    if reporter.machine_goes_down:
        # The checkpoint is written, and there may be no time for more.
        return TrainerExit.WENT_DOWN
    events.write(StateChanged(state=RunState.SAVING))
    chosen = take_best(trainer, best, warn=warn) if best else None
    save_model(
        trainer, run.paths.model, base_model=run.config().model.name, stored=prepared.stored,
        beginning=prepared.beginning,
    )  # fmt: skip
    step = chosen.step if chosen else trainer.state.global_step
    if chosen:
        events.write(chosen)
    events.write(ModelSaved(step=step))
    try:
        note_speed(trainer, reporter, run, prepared.choices)
    except (OSError, NVMLError) as error:
        # The model is saved by now.
        warn(f"The speed of this run could not be noted for forecasts: {error}")
    is_through = trainer.state.global_step >= trainer.state.max_steps
    is_whole = is_through or (best is not None and best.has_stopped)
    if is_whole and data.evaluation is not None and not run.config().method.scores:
        events.write(StateChanged(state=RunState.SAVING, note=SAMPLING))
        _tell_samples(
            trainer, data.evaluation, prepared.source.tokenizer, events, step=step,
            has_base=prepared.beginning is None,
        )  # fmt: skip
    return TrainerExit.FINISHED if is_whole else TrainerExit.STOPPED


def prepare(run: Run, *, callbacks: list[TrainerCallback], warn: Callable[[str], None]) -> Prepared:
    """Load the run's data and model, and make the trainer of its method.

    Raises UserError for what a person can put right.
    """
    # What TRL makes of the tokens is this run's alone; the tokens themselves are cached by us.
    disable_caching()
    config = run.config()
    # A run that goes on does so with what it began with, whatever `auto` would choose today.
    before = run.resolved()
    precision = choose_precision(config.hardware.precision, before=before.get("precision"))
    scorers, pinned = load_reward_models(
        config, home=run.home, precision=precision.value, before=before
    )
    set_seed(config.training.seed)
    source = load_tokenizer(config.model, home=run.home, before=before.get("model_revision"))
    data = load_data(config, run=run, tokenizer=source.tokenizer, tokenizer_id=source.id)
    for text in data.warnings:
        warn(text)
    load_base = partial(load_model, config, source=source, precision=precision.value)
    free, model = free_memory(), load_base()
    if (last := config.adapter.last_layers) is not None:
        freeze_all_but(model, last=last)
    settle_generation(model, source.tokenizer)
    padding = _choose_padding(config, model, before=before, warn=warn)
    head = choose_fused_head(config.hardware.fused_lm_head, before=before.get("fused_lm_head"))
    peak = memory_of(
        config, model=model, precision=precision.value, length=longest_row(config, data.train),
        fused_head=head.value == Switch.ON,
    )  # fmt: skip
    checkpointing = choose_gradient_checkpointing(
        config.hardware.gradient_checkpointing, free=free, peak=peak,
        before=before.get("gradient_checkpointing"),
    )  # fmt: skip
    parts = TrainerParts(
        config=config, model=model, load_base=load_base,
        peft_config=peft_config(
            config.adapter, model=model, revision=source.revision, scores=config.method.scores
        ),
        tokenizer=source.tokenizer,
        data=data,
        padding_free=padding.value == Switch.ON,
        arguments=training_arguments(
            config, run=run, precision=precision.value, checkpointing=checkpointing.value,
            evaluates=data.evaluation is not None,
        ),
        callbacks=callbacks,
        scorers=scorers,
    )  # fmt: skip
    beginning = run.paths.beginning if config.adapter.changes_base else None
    trainer = _make_trainer(parts, beginning)
    choices = {
        "precision": precision, **source.choices, **pinned, **data.choices,
        "gradient_checkpointing": checkpointing, "padding_free": padding, "fused_lm_head": head,
        **{library: Choice(value=version(library)) for library in _libraries(config)},
    }  # fmt: skip
    return Prepared(
        trainer=trainer, source=source, data=data, choices=choices, stored=stored_dtype(source),
        beginning=beginning,
    )  # fmt: skip


def _choose_padding(
    config: RunConfig,
    model: PreTrainedModel,
    *,
    before: Mapping[str, object],
    warn: Callable[[str], None],
) -> Choice:
    # Runs of older versions began with padding, and wrote nothing of it.
    padded = Switch.OFF if before else None
    padding = choose_padding_free(config.method, model, before=before.get("padding_free", padded))
    if padding.value == Switch.ON and config.method.groups_by_length:
        warn("Batches have no padding here, so rows are not grouped by length.")
    return padding


def _libraries(config: RunConfig) -> tuple[str, ...]:
    uses_more = config.model.quantized or config.training.optim in BITSANDBYTES
    return (*LIBRARIES, "bitsandbytes") if uses_more else LIBRARIES


def _make_trainer(parts: TrainerParts, beginning: Path | None) -> Trainer:
    """The trainer of the run's method. `beginning` is written where it is wanted."""
    if beginning is not None:
        # The same whenever the run goes on, whatever was left to chance before.
        set_seed(parts.config.training.seed)
    with adapter_errors():
        trainer = method_of(parts.config).make_trainer(parts)
    if parts.config.model.quantized:
        keep_trained_exact(trainer.model)
    if beginning is not None:
        keep_beginning(trainer.model, beginning)
    return trainer


def _run_trainer(trainer: Trainer, run: Run, events: EventWriter) -> None:
    """Train from the newest whole checkpoint, or from the start."""
    remove_torn_checkpoints(run.paths.checkpoints)
    found = resume_point(run.paths.checkpoints)
    for text in found.explanations():
        events.write(Warned(text=text))
    for damaged, _ in found.damaged:
        # It would count towards the limit, and be in the way when its step comes again.
        mark_damaged(damaged.path)
    checkpoint = found.checkpoint
    if checkpoint is not None:
        events.write(Resumed(step=checkpoint.step))
    events.write(StateChanged(state=RunState.TRAINING))
    trainer.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)


def _record(run: Run, events: EventWriter, choices: dict[str, Choice]) -> None:
    """Write down what was left open and what it became, at first."""
    events.write(Resolved(choices=choices))
    known = run.resolved()
    values = {name: choice.value for name, choice in choices.items()} | known
    if values != known:
        write_atomically(run.paths.resolved, yaml.safe_dump(values, sort_keys=False))


def _tell_samples(
    trainer: Trainer,
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    events: EventWriter,
    *,
    step: int,
    has_base: bool,
) -> None:
    """The model is saved by now, so what goes wrong here costs the samples alone."""
    try:
        samples = sample_answers(
            trainer.accelerator.unwrap_model(trainer.model),
            tokenizer=tokenizer, rows=rows, step=step, has_base=has_base,
        )  # fmt: skip
    except (
        RuntimeError, ValueError, TypeError, LookupError, AttributeError, TemplateError,
    ) as error:  # fmt: skip
        events.write(Warned(text=f"No sample answers could be made: {error}"))
        return
    for sample in samples:
        events.write(sample)
