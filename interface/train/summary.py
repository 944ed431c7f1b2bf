"""What a run is going to do, in a sentence, and what one should know before it starts."""

from dataclasses import dataclass

from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import DatasetSource, Tracking
from core.config.run_config import RunConfig, data_name
from interface.display import machine, words
from interface.display.render import render

# Above so many times the usual rate, training all weights usually forgets more than it learns.
HIGH_FOR_ALL_WEIGHTS = 5


@dataclass(frozen=True)
class Circumstances:
    """Where a run would happen: with a token or none, one that ends in so many seconds or not."""

    signed_in: bool
    token_seconds: float | None
    on_space: bool


def show(config: RunConfig, around: Circumstances) -> str:
    """The summary of settings that make a run."""
    training, output = config.training, config.output
    return render(
        "train/summary.html",
        config=config,
        dataset=_dataset(config),
        trained=_trained(config),
        examples_a_step=training.per_device_train_batch_size * training.gradient_accumulation_steps,
        # Where a pull request goes, one may not write.
        sync_owner=output.owner if not output.pull_request else None,
        repository=f"{output.owner}/{output.repo_name}"
        if output.owner
        else f"your account, as {output.repo_name}",
        device=machine.now()[0],
        warnings=_warnings(config, around),
    )


def unready() -> str:
    """What stands there while the settings make none."""
    return render("train/summary_unready.html")


def _dataset(config: RunConfig) -> str:
    if config.dataset.source is DatasetSource.BUILTIN:
        return words.dataset(config.dataset.builtin)
    return data_name(config)


def _trained(config: RunConfig) -> str:
    """What is trained of the model."""
    adapter, quantization = config.adapter, config.model.quantization
    if adapter.last_layers is not None:
        return f"its last {words.counted(adapter.last_layers, 'layer')}"
    if not adapter.has_adapter:
        return "all its weights"
    over = f" over weights in {words.choice(quantization)}" if config.model.quantized else ""
    return f"a LoRA adapter of rank {adapter.lora_r}{over}"


def _warnings(config: RunConfig, around: Circumstances) -> list[str]:
    found = []
    if machine.now()[0].kind != "cuda" and config.model.name != BUILTIN_MODEL:
        where = " Choose one on the Account tab." if around.on_space else ""
        found.append(f"No GPU: models much larger than the built-in one will take days.{where}")
    needs_hub = config.output.push_to_hub or config.output.sync_checkpoints
    if needs_hub and around.token_seconds is not None:
        left = words.duration(around.token_seconds)
        found.append(
            f"Your sign-in expires in {left}. A push after that waits until you sign in again."
        )
    if around.on_space and not needs_hub:
        found.append(
            "This disk is wiped when the Space restarts: push the result, or sync checkpoints to"
            " the Hub."
        )
    if config.output.push_to_hub and not around.signed_in:
        found.append("Not signed in to the Hub, so the result can't be pushed.")
    if config.output.push_to_hub and not config.output.hub_private_repo:
        found.append(
            "Everyone who can see the repository will see the pull request."
            if config.output.pull_request
            else "The repository on the Hub will be public: everyone can see it."
        )
    if config.output.tracking is not Tracking.NONE and not around.signed_in:
        found.append("Not signed in to the Hub, so nothing can be tracked there.")
    if config.output.tracking is Tracking.TRACKIO:
        found.append("The curves and settings of all runs in your dataset of them will be public.")
    found += _about_the_learning_rate(config)
    found += _about_the_evaluation(config)
    return found


def _about_the_evaluation(config: RunConfig) -> list[str]:
    method, training, evaluation = config.method, config.training, config.evaluation
    if not config.evaluates:
        what = "reward" if method.generates else "loss"
        return [f"No rows are held out, so there will be no evaluation {what} to compare with."]
    a_step = training.per_device_train_batch_size * training.gradient_accumulation_steps
    written = a_step * evaluation.eval_steps
    # How many rows of built-in data there are is known, and they are few.
    is_large = config.dataset.source is not DatasetSource.BUILTIN
    if not method.generates or not is_large or evaluation.max_eval_samples <= written:
        return []
    return [
        "Evaluation may take longer than training: each writes up to"
        f" {evaluation.max_eval_samples:,} answers, and the steps between them {written:,}. Lower"
        " `evaluation.max_eval_samples`."
    ]


def _about_the_learning_rate(config: RunConfig) -> list[str]:
    rate, (low, high) = config.training.learning_rate, config.method.learning_rates
    if not config.adapter.has_adapter:
        usual = config.method.full_learning_rate
        told = f"A learning rate of {words.number(rate)} is high for training all weights by"
        told += f" {config.method.title}: {words.number(usual)} is usual."
        return [told] if rate > HIGH_FOR_ALL_WEIGHTS * usual else []
    if rate <= high:
        return []
    return [
        f"A learning rate of {words.number(rate)} is high for {config.method.title}:"
        f" {words.number(low)} to {words.number(high)} is usual."
    ]
