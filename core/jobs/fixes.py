"""What other settings can do about why a run failed, or what it was warned of.

They follow from the run's facts whenever somebody looks, so that only what the rules of today allow
is offered. What no setting can do, the event says in a sentence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.config.checks import machine_faults
from core.config.methods.writing import WritingSettings
from core.config.options import (
    WITHOUT_WARMUP,
    AdapterKind,
    ChatTemplate,
    Optimizer,
    Precision,
    Quantization,
    Schedule,
    Switch,
)
from core.config.parse import parse_config
from core.config.proposed_name import for_another_run
from core.config.run_config import RunConfig
from core.errors import InvalidConfig, UserError
from core.runs.causes import FailureCause
from core.runs.history import History
from core.runs.store import Run

# By how much a learning rate is lowered after a loss that was no number, and one that rose.
FAR_TOO_HIGH, TOO_HIGH = 10, 3
WARMUP = 0.1
# The clipping of TRL's defaults, and that of QLoRA's paper (arXiv:2305.14314).
CLIPPING, TIGHT_CLIPPING = 1.0, 0.3
# Rows that are shorter teach too little, and answers too.
SHORTEST_ROW, SHORTEST_ANSWER = 64, 16
WARMER, WARMEST = 0.2, 1.5

# A sentence, and the settings' new values by their paths.
Proposal = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Change:
    """One setting that would be another."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Fix:
    """The settings for a new run in place of one that had trouble, and in words what they do."""

    text: str
    changes: tuple[Change, ...]
    config: RunConfig

    @property
    def key(self) -> str:
        """What tells it from the other fixes of its run."""
        return " ".join(f"{change.path}={change.new}" for change in self.changes)


def fixes_of(run: Run, history: History) -> list[Fix]:
    """What is worth a try, the likeliest first. Nothing where the settings can't be read."""
    failure = history.failure
    causes = [failure.cause] if failure else history.troubles
    if not causes:
        return []
    try:
        config, resolved = run.config(), run.resolved()
    except UserError:
        return []
    proposed = [each for cause in causes for each in _proposed(cause, config, resolved)]
    if failure is not None and failure.field is not None:
        proposed += _at_field(failure.field, config)
    fixes = [fix for text, changes in proposed if (fix := _fix(config, text, changes)) is not None]
    return list({fix.key: fix for fix in fixes}.values())


def fix_with(key: str, run: Run) -> Fix:
    """The fix of a run with this key. Raises UserError when it is not offered."""
    history = History.of(run.paths)
    history.follow()
    for fix in fixes_of(run, history):
        if fix.key == key:
            return fix
    raise UserError("This is not offered for this run.", hint="Reload the page.")


def _fix(config: RunConfig, text: str, changes: Mapping[str, Any]) -> Fix | None:
    """None where the other settings don't allow it, or this machine doesn't."""
    values = for_another_run(config).model_dump(mode="json")
    old = {}
    for path, new in changes.items():
        section, name = path.split(".")
        old[path] = values[section][name]
        values[section][name] = new
    try:
        changed = parse_config(values)
    except InvalidConfig:
        return None
    if machine_faults(changed):
        return None
    listed = tuple(Change(path, old[path], new) for path, new in changes.items())
    return Fix(text, listed, changed)


def _proposed(
    cause: FailureCause, config: RunConfig, resolved: Mapping[str, object]
) -> Iterator[Proposal]:
    match cause:
        case FailureCause.DEVICE_OUT_OF_MEMORY | FailureCause.OUT_OF_MEMORY:
            yield from _saving_memory(config, resolved)
        case FailureCause.NOT_FINITE:
            yield _slower(config, by=FAR_TOO_HIGH)
            if (resolved.get("precision") or config.hardware.precision) != Precision.FLOAT32:
                told = "Compute in float32, whose numbers overflow last. It takes more memory."
                yield told, {"hardware.precision": Precision.FLOAT32.value}
            yield from _calmer(config)
        case FailureCause.DIVERGING:
            yield _slower(config, by=TOO_HIGH)
            yield from _calmer(config)
        case FailureCause.REWARDS_ALIKE:
            yield from _more_varied(config)
        case FailureCause.DISK_FULL if config.training.save_total_limit > 1:
            yield "Keep the newest checkpoint only.", {"training.save_total_limit": 1}


def _saving_memory(config: RunConfig, resolved: Mapping[str, object]) -> Iterator[Proposal]:
    """What this run does not do already, that which costs the least first."""
    training, adapter = config.training, config.adapter
    batch, times = training.per_device_train_batch_size, training.gradient_accumulation_steps
    if batch > 1:
        # The smallest number that divides it: a step has as many rows as before.
        divisor = next(n for n in range(2, batch + 1) if batch % n == 0)
        told = "Use smaller batches, and accumulate more of them: a step trains on the same rows."
        yield (
            told,
            {
                "training.per_device_train_batch_size": batch // divisor,
                "training.gradient_accumulation_steps": times * divisor,
            },
        )
    if (resolved.get("gradient_checkpointing") or config.hardware.gradient_checkpointing) != "on":
        told = "Turn on gradient checkpointing: the result is the same, and each step is slower."
        yield told, {"hardware.gradient_checkpointing": Switch.ON.value}
    if not adapter.has_adapter:
        yield _with_adapter(config)
        if training.optim in (Optimizer.ADAMW, Optimizer.ADAMW_FUSED):
            told = "Use the 8-bit optimizer: its state takes a quarter of the memory."
            yield told, {"training.optim": Optimizer.ADAMW_8BIT.value}
    elif not config.model.quantized:
        told = "Hold the frozen weights in 4 bits (QLoRA)."
        yield told, {"model.quantization": Quantization.FOUR.value}
    yield from _shorter(config)


def _with_adapter(config: RunConfig) -> Proposal:
    changes: dict[str, Any] = {"adapter.kind": AdapterKind.LORA.value}
    # What nobody chose for all weights is not right for an adapter.
    if config.training.learning_rate == config.default_learning_rate:
        rate = config.method.default_learning_rate(has_adapter=True)
        changes["training.learning_rate"] = rate
    return "Train a LoRA adapter instead of all weights.", changes


def _shorter(config: RunConfig) -> Iterator[Proposal]:
    method = config.method
    shorter = {"method.max_length": method.max_length // 2}
    if isinstance(method, WritingSettings):
        shorter["method.max_completion_length"] = method.max_completion_length // 2
        if shorter["method.max_completion_length"] >= SHORTEST_ANSWER:
            yield (
                "Write shorter answers, to shorter prompts; longer ones are cut or left out.",
                shorter,
            )
    elif shorter["method.max_length"] >= SHORTEST_ROW:
        yield "Use shorter rows. Longer ones are cut off, or left out.", shorter


def _slower(config: RunConfig, *, by: int) -> Proposal:
    """The method's own rate, where it is lower still, is known to suit."""
    rate = min(config.training.learning_rate / by, config.default_learning_rate)
    return "Lower the learning rate.", {"training.learning_rate": float(f"{rate:.1e}")}


def _calmer(config: RunConfig) -> Iterator[Proposal]:
    """Steps that are smaller where they are largest."""
    schedule, clipping = config.schedule, config.training.max_grad_norm
    told = "Warm up: let the learning rate rise slowly at the start."
    if schedule.lr_scheduler_type is Schedule.CONSTANT:
        kind = Schedule.CONSTANT_WITH_WARMUP.value
        yield told, {"schedule.lr_scheduler_type": kind, "schedule.warmup_steps": WARMUP}
    elif schedule.lr_scheduler_type not in WITHOUT_WARMUP and schedule.warmup_steps < WARMUP:
        yield told, {"schedule.warmup_steps": WARMUP}
    if clipping == 0 or clipping > CLIPPING:
        yield "Clip large gradients.", {"training.max_grad_norm": CLIPPING}
    elif clipping > TIGHT_CLIPPING:
        yield "Clip gradients sooner.", {"training.max_grad_norm": TIGHT_CLIPPING}


def _more_varied(config: RunConfig) -> Iterator[Proposal]:
    """Answers among which the rewards find a better one."""
    method = config.method
    if not isinstance(method, WritingSettings):
        return
    if method.temperature < WARMEST:
        warmer = round(max(1.0, method.temperature + WARMER), 2)
        yield "Have the answers vary more.", {"method.temperature": warmer}
    if method.top_p < 1:
        yield "Let the answers use unlikely words too.", {"method.top_p": 1.0}
    training, answers = config.training, 2 * method.num_generations
    more: dict[str, Any] = {"method.num_generations": answers}
    if training.per_device_train_batch_size * training.gradient_accumulation_steps % answers:
        more["training.gradient_accumulation_steps"] = 2 * training.gradient_accumulation_steps
    yield "Write twice as many answers to each prompt: more of them may be good.", more


def _at_field(field: str, config: RunConfig) -> Iterator[Proposal]:
    """What can be said of a fault by the setting that it is at."""
    match field:
        case "model.revision" if config.model.revision is not None:
            yield "Use the newest version of the model.", {field: None}
        case "dataset.revision" if config.dataset.revision is not None:
            yield "Use the newest version of the dataset.", {field: None}
        case "model.chat_template":
            for template in (ChatTemplate.CHATML, ChatTemplate.PLAIN):
                if template is not config.model.chat_template:
                    told = f"Lay out conversations with the template `{template}`."
                    yield told, {field: template.value}
