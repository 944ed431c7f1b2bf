"""What each setting alone allows and the settings together don't."""

import math

from core.config.model import ALL_LINEAR, AdapterSection
from core.config.options import (
    BY_LOSS,
    DatasetFormat,
    DatasetSource,
    LoraInit,
    Quantization,
    Schedule,
)
from core.config.run_config import RunConfig


def conflicts(config: RunConfig) -> dict[str, str]:
    """What each setting alone allows and the settings together don't."""
    faults = _data_conflicts(config)
    dataset, schedule = config.dataset, config.schedule
    for name, message in config.method.conflicts():
        faults[f"method.{name}"] = message
    if config.training.per_device_train_batch_size < config.method.smallest_batch:
        faults["training.per_device_train_batch_size"] = (
            f"{config.method.title} compares the rows of a batch: it needs at least "
            f"{config.method.smallest_batch}."
        )
    if told := _groups_fault(config):
        faults["method.num_generations"] = told
    if dataset.streaming and not config.method.streams:
        faults["dataset.streaming"] = f"{config.method.title} reads all rows first: turn this off."
    takes_text = DatasetFormat.TEXT in config.method.formats
    if takes_text and dataset.format is DatasetFormat.TEXT and config.method.learns_answers_only:
        told = "Plain text has no answers: turn this off to train on it."
        faults["method.assistant_only_loss"] = told
    for field, why in needs_evaluation(config).items():
        if not config.evaluates:
            faults[field] = f"{why}: hold out some rows."
        elif config.method.generates:
            instead = "choose another" if field.startswith("schedule.") else "leave it out"
            faults[field] = f"{why}, and {config.method.title} has none: {instead}."
    if (
        schedule.lr_scheduler_type is Schedule.POLYNOMIAL
        and schedule.lr_end >= config.training.learning_rate
    ):
        faults["schedule.lr_end"] = "This must be smaller than the learning rate."
    if schedule.lr_scheduler_type in BY_LOSS and schedule.min_lr > config.training.learning_rate:
        faults["schedule.min_lr"] = "This can't be larger than the learning rate."
    peak = schedule.max_lr or config.training.learning_rate
    if schedule.lr_scheduler_type is Schedule.GREEDY and peak < config.training.learning_rate:
        faults["schedule.max_lr"] = "This can't be smaller than the learning rate."
    if (
        schedule.lr_scheduler_type is Schedule.COSINE_WITH_RESTARTS
        and (schedule.num_cycles or 1) % 1
    ):
        faults["schedule.num_cycles"] = "Restarts are counted in whole numbers."
    if config.model.quantized and not config.adapter.has_adapter:
        faults["model.quantization"] = (
            "Weights in fewer bits can't be trained themselves: train a LoRA adapter, or use "
            "`none`."
        )
    if config.adapter.has_adapter:
        faults |= _adapter_conflicts(config)
    return faults


def _adapter_conflicts(config: RunConfig) -> dict[str, str]:
    faults: dict[str, str] = {}
    adapter, method = config.adapter, config.method
    if adapter.lora_dropout and not method.drops_out:
        faults["adapter.lora_dropout"] = f"TRL turns dropout off in {method.title}: set it to 0."
    if fault := _layers_fault(layer_names(adapter)):
        faults["adapter.lora_target_modules"] = fault
    start = "adapter.init_lora_weights"
    if adapter.changes_base and method.compares_with_base:
        faults[start] = (
            f"{method.title} compares with the base, which this changes: use `default`, or "
            "`orthogonal`."
        )
    elif adapter.changes_base and method.scores:
        faults[start] = (
            "PiSSA and OLoRA can't train the new head of a reward model beside the adapter: use "
            "`default`, or `orthogonal`."
        )
    elif adapter.changes_base and config.model.quantized:
        faults[start] = (
            "This takes over a part of the weights as they are published, which are quantized "
            "here: use `default`, or `orthogonal`."
        )
    elif adapter.use_dora and config.model.quantization is Quantization.EIGHT:
        faults["adapter.use_dora"] = (
            "DoRA can't be trained over 8 bits: turn it off, or use `4bit`."
        )
    elif adapter.changes_base and adapter.use_dora:
        faults[start] = "DoRA needs the base as it is: use `default`, or `orthogonal`."
    elif adapter.changes_base and adapter.whole_modules:
        faults["adapter.modules_to_save"] = (
            "PiSSA and OLoRA can't train modules in full beside the adapter: leave this empty."
        )
    elif adapter.init_lora_weights is LoraInit.ORTHOGONAL and adapter.lora_r % 2:
        faults["adapter.lora_r"] = "The orthogonal initialization needs an even rank."
    if adapter.expert_parameters:
        faults |= _expert_conflicts(config)
    if twice := set(adapter.whole_modules) & set(layer_names(adapter)):
        faults["adapter.modules_to_save"] = (
            f"{', '.join(sorted(twice))}: has an adapter already. Name it in one of the two."
        )
    return faults


def _expert_conflicts(config: RunConfig) -> dict[str, str]:
    """What peft can't do over the experts of a mixture, which are no layers of their own."""
    adapter, field = config.adapter, "adapter.target_parameters"
    if adapter.lora_dropout:
        return {"adapter.lora_dropout": "Experts can't have dropout: set it to 0."}
    if adapter.use_dora:
        return {"adapter.use_dora": "There is no DoRA over experts: turn it off."}
    if adapter.init_lora_weights is not LoraInit.DEFAULT:
        return {"adapter.init_lora_weights": "Experts support only the `default` initialization."}
    if config.model.quantized:
        return {field: "Experts are not quantized: leave this empty, or use no quantization."}
    return {}


def needs_evaluation(config: RunConfig) -> dict[str, str]:
    """The settings that mean nothing without an evaluation, and what they take from it."""
    needs, training = {}, config.training
    if config.schedule.lr_scheduler_type in BY_LOSS:
        needs["schedule.lr_scheduler_type"] = "This schedule follows the evaluation loss"
    if training.early_stopping_patience is not None:
        needs["training.early_stopping_patience"] = "Early stopping follows the evaluation loss"
    if training.load_best_model_at_end:
        needs["training.load_best_model_at_end"] = "The best is told by the evaluation loss"
    return needs


def _groups_fault(config: RunConfig) -> str | None:
    """What is wrong where the answers of a step are no whole groups, and what would be right."""
    training, size = config.training, config.method.answers_a_prompt
    batch, times = training.per_device_train_batch_size, training.gradient_accumulation_steps
    answers = batch * times
    if answers % size == 0:
        return None
    fitting = [n for n in range(2, answers + 1) if answers % n == 0]
    nearest = min(fitting, key=lambda n: abs(n - size), default=None)
    instead = f"set it to {nearest}, or " if nearest else ""
    larger = math.lcm(size, times) // times
    return (
        f"A step has {batch:,} × {times:,} answers, and that is no multiple of {size:,}: "
        f"{instead}set `training.per_device_train_batch_size` to {larger:,}."
    )


def _layers_fault(names: list[str]) -> str | None:
    if not all(names):
        return "Write all-linear, or names with commas between."
    if ALL_LINEAR in names and len(names) > 1:
        return "all-linear stands for all linear layers: write it alone, or names alone."
    return None


def _data_conflicts(config: RunConfig) -> dict[str, str]:
    faults: dict[str, str] = {}
    dataset, evaluation = config.dataset, config.evaluation
    on_hub = dataset.source is DatasetSource.HUB
    if on_hub and dataset.name is None:
        faults["dataset.name"] = "Name a dataset of the Hub, as owner/name."
    if on_hub and evaluation.split == dataset.split:
        faults["evaluation.split"] = "Evaluate on another split than the one you train on."
    if dataset.source is DatasetSource.UPLOAD and not dataset.files:
        faults["dataset.files"] = "Choose a file."
    for field, names in (
        ("dataset.files", dataset.files),
        ("evaluation.files", (*dataset.files, *evaluation.files)),
    ):
        if twice := next((name for name in names if names.count(name) > 1), None):
            faults.setdefault(field, f"There are two files called {twice}: rename one of them.")
            break
    if dataset.mix and dataset.source is DatasetSource.BUILTIN:
        faults["dataset.mix"] = "Built-in data is not mixed: name a dataset of the Hub, or a file."
    if dataset.streaming and config.training.max_steps is None:
        faults["training.max_steps"] = (
            "Data that is read as it comes has no known end: say after how many steps to stop."
        )
    if dataset.streaming and config.method.groups_by_length:
        faults["method.train_sampling_strategy"] = (
            "Grouping by length needs all rows; this data is read as it comes. Use `random`."
        )
    if dataset.streaming and config.filters.sample is not None:
        faults["filters.sample"] = "A sample needs all rows; this data is read as it comes."
    return faults


def layer_names(adapter: AdapterSection) -> list[str]:
    """The layers to adapt, or just "all-linear"."""
    return [name.strip() for name in adapter.lora_target_modules.split(",")]
