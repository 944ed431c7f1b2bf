"""What a run is going to do, in a sentence, and what one should know before it starts."""

from dataclasses import dataclass
from html import escape

from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import DatasetSource, Tracking
from core.config.run_config import RunConfig, data_name
from interface.display import machine, words

# Above this, training all weights usually forgets more than it learns.
HIGH_RATE_FOR_ALL_WEIGHTS = 1e-4


@dataclass(frozen=True)
class Circumstances:
    """Where a run would happen: with a token or none, one that ends in so many seconds or not."""

    signed_in: bool
    token_seconds: float | None
    on_space: bool


def show(config: RunConfig, around: Circumstances) -> str:
    warnings = "".join(f"<li>{escape(text)}</li>" for text in _warnings(config, around))
    listed = f'<ul class="warnings">{warnings}</ul>' if warnings else ""
    device = machine.now()[0]
    return (
        f'<div class="summary"><p>{_sentence(config)}</p>'
        f'<p class="muted">Trains on {escape(device.name)},'
        f" {words.size(device.memory_free)} of memory free.</p>{listed}</div>"
    )


def unready() -> str:
    return (
        '<div class="summary"><p class="muted">A summary appears when the marked settings are'
        " right.</p></div>"
    )


def _sentence(config: RunConfig) -> str:
    training = config.training
    adapter = config.adapter
    how = "all its weights"
    if adapter.has_adapter:
        how = f"a LoRA adapter of rank {adapter.lora_r}"
    epochs = training.num_train_epochs
    length = f"{words.number(epochs)} epoch{'' if epochs == 1 else 's'}"
    batch = training.per_device_train_batch_size * training.gradient_accumulation_steps
    if training.max_steps is not None:
        length = f"at most {words.count(training.max_steps)} steps"
    return (
        f"Fine-tunes <b>{escape(words.model(config.model.name))}</b>"
        f" on <b>{escape(_dataset(config))}</b> by {escape(config.method.title)},"
        f" training {how} for {length}"
        f" at a learning rate of {words.number(training.learning_rate)},"
        f" {words.count(batch)} examples a step"
        f" of up to {words.count(config.method.max_length)} tokens. {_afterwards(config)}"
    )


def _dataset(config: RunConfig) -> str:
    if config.dataset.source is DatasetSource.BUILTIN:
        return words.dataset(config.dataset.builtin)
    return data_name(config)


def _afterwards(config: RunConfig) -> str:
    output = config.output
    meanwhile = ""
    if output.sync_checkpoints:
        # Where a pull request goes, one may not write.
        owner = output.owner if not output.pull_request else None
        whose = escape(owner or "your account")
        meanwhile = f"Checkpoints are synced to a private repository of {whose} as it trains. "
    return meanwhile + _result(config)


def _result(config: RunConfig) -> str:
    output = config.output
    if not output.push_to_hub:
        return f"The result, <b>{escape(output.name)}</b>, stays here until you push it."
    owner = f"{output.owner}/" if output.owner else "your account, as "
    if output.pull_request:
        return f"The result is proposed to <b>{escape(owner + output.name)}</b> as a pull request."
    privacy = "privately" if output.hub_private_repo else "publicly"
    return f"The result is pushed {privacy} to <b>{escape(owner + output.name)}</b>."


def _warnings(config: RunConfig, around: Circumstances) -> list[str]:
    found = []
    if machine.now()[0].kind != "cuda" and config.model.name != BUILTIN_MODEL:
        where = " Choose one on the Account tab." if around.on_space else ""
        found.append(f"No GPU here: models much larger than the built-in one take days.{where}")
    needs_hub = config.output.push_to_hub or config.output.sync_checkpoints
    if needs_hub and around.token_seconds is not None:
        left = words.duration(around.token_seconds)
        found.append(
            f"Your sign-in ends in {left}: a push that comes later waits until you sign in again."
        )
    if around.on_space and not needs_hub:
        found.append(
            "This disk is wiped when the Space restarts: push the result, or keep checkpoints on"
            " the Hub."
        )
    if config.output.push_to_hub and not around.signed_in:
        found.append("Nobody is signed in to the Hub here, so the result can't be pushed.")
    if config.output.push_to_hub and not config.output.hub_private_repo:
        found.append(
            "Who sees the repository sees what is proposed to it, and may be everyone."
            if config.output.pull_request
            else "The repository on the Hub will be public: everyone can see it."
        )
    if config.output.tracking is not Tracking.NONE and not around.signed_in:
        found.append("Nobody is signed in to the Hub here, so nothing can be tracked there.")
    if config.output.tracking is Tracking.TRACKIO:
        found.append("The curves and settings of all runs in your dataset of them will be public.")
    found += _about_the_learning_rate(config)
    if not config.evaluates:
        found.append("No rows are held out, so there will be no evaluation loss to compare with.")
    return found


def _about_the_learning_rate(config: RunConfig) -> list[str]:
    rate, (low, high) = config.training.learning_rate, config.method.learning_rates
    if not config.adapter.has_adapter:
        is_high = rate > HIGH_RATE_FOR_ALL_WEIGHTS
        told = "This learning rate is high for training all weights; 2e-5 is usual."
        return [told] if is_high else []
    if rate <= high:
        return []
    return [
        f"A learning rate of {words.number(rate)} is high for {config.method.title}:"
        f" {words.number(low)} to {words.number(high)} is usual."
    ]
