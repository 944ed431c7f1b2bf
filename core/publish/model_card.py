"""The card that goes to the Hub with a model: what it is, what it learned from, how it went."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData

from core.config.builtin_names import BUILTIN_MODEL
from core.config.every_setting import settings_of_a_run
from core.config.methods.settings import MethodMetric
from core.config.options import DatasetSource, Weights
from core.config.run_config import RunConfig, data_name, hub_datasets
from core.errors import HubUnreachable, UserError
from core.hub.client import hub_endpoint, is_default_hub
from core.hub.errors import hub_errors
from core.hub.licences import limits
from core.hub.lookups import card_of
from core.machine.source_tree import TEMPLATES
from core.publish.usage import usage
from core.runs.events import Sample
from core.runs.history import History
from core.runs.store import Run

TEMPLATE = TEMPLATES / "model_card.md"
CHART = "training.png"
BUILTIN_LICENSE = "apache-2.0"

LOSS = MethodMetric("loss", "Loss", kind="loss")
LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets")


def write_card(
    run: Run,
    history: History,
    *,
    folder: Path,
    repo: str,
    weights: Weights,
    private: bool,
    api: HfApi,
) -> None:
    """Write README.md, with its chart, into the folder that is pushed to `repo`.

    `private` is whether only some will read it.
    """
    config = run.config()
    is_adapter = config.adapter.has_adapter and weights is Weights.ADAPTER
    samples = history.samples if private or is_public_data(config, api=api) else []
    resolved = run.resolved()
    licence = license_of(config.model.name, api=api)
    has_chart = _draw_losses(history, folder / CHART)
    card = ModelCard.from_template(
        card_data=_metadata(config, history, repo=repo, is_adapter=is_adapter, licence=licence),
        template_path=str(TEMPLATE),
        repo=repo,
        hub=hub_endpoint(),
        elsewhere=not is_default_hub(),
        name=repo.partition("/")[2],
        base_model=config.model.name,
        dataset=_dataset(config),
        is_adapter=is_adapter,
        scores=config.method.scores,
        usage=usage(repo, is_adapter=is_adapter, scores=config.method.scores),
        has_adapter_too=weights is Weights.BOTH and config.adapter.has_adapter,
        samples=[_Shown.of(sample) for sample in samples],
        limits=limits(str(licence.get("license", "")), of="the base model"),
        # The built-in model was restored from a quantized file, so it is not quite its original.
        is_restored=str(resolved.get("model_revision")).endswith(".whl"),
        settings=list(_settings(config)),
        results=list(_results(config, history)),
        libraries={name: resolved[name] for name in LIBRARIES if name in resolved},
        chart=CHART if has_chart else None,
        method=config.method.description,
        progress=history.progress,
        best=history.best,
        quantization=config.model.quantization.value if config.model.quantized else None,
        tracked=history.tracked,
    )
    (folder / "README.md").write_text(str(card), encoding="utf-8")


@dataclass(frozen=True)
class _Shown:
    """A sample answer as the card shows it. `fence` is a mark that none of the texts has."""

    prompt: str
    reference: str
    answer: str
    base_answer: str | None
    fence: str

    @classmethod
    def of(cls, sample: Sample) -> "_Shown":
        texts = [sample.prompt, sample.reference, sample.answer, sample.base_answer or ""]
        longest = max((len(run) for text in texts for run in re.findall("`+", text)), default=0)
        return cls(
            prompt=sample.prompt, reference=sample.reference, answer=sample.answer,
            base_answer=sample.base_answer, fence="`" * max(3, longest + 1),
        )  # fmt: skip


def is_public_data(config: RunConfig, *, api: HfApi) -> bool:
    """Whether the rows are public, so that a card may show them."""
    if config.dataset.source is DatasetSource.UPLOAD:
        return False
    try:
        with hub_errors("the data"):
            infos = [api.dataset_info(name) for name in hub_datasets(config)]
    except HubUnreachable:
        # A Hub that is away for a moment says nothing of the data.
        raise
    except UserError:
        return False
    # Whoever is let through a gate has agreed to terms.
    return all(info.private is False and not info.gated for info in infos)


def _metadata(
    config: RunConfig,
    history: History,
    *,
    repo: str,
    is_adapter: bool,
    licence: dict[str, Any],
) -> ModelCardData:
    """What the Hub reads of a card: it links the base model and the data, and lists the results."""
    name = repo.partition("/")[2]
    return ModelCardData(
        base_model=config.model.name,
        base_model_relation="adapter" if is_adapter else "finetune",
        model_name=name,
        datasets=hub_datasets(config) or None,
        eval_results=list(_evaluated(config, history)) or None,
        library_name="peft" if is_adapter else "transformers",
        **licence,
        pipeline_tag=_task(config),
        tags=["smolfactory", "trl", config.method.name, *_trackio_tags(history)],
    )


def _task(config: RunConfig) -> str:
    """What the model does, as the Hub calls it."""
    return "text-classification" if config.method.scores else "text-generation"


def _trackio_tags(history: History) -> list[str]:
    """Those that transformers gives: by the second, the Hub shows the Space beside the model."""
    dashboard = history.tracked.dashboard if history.tracked else None
    return ["trackio", f"trackio:{dashboard}"] if dashboard else []


def license_of(model: str, *, api: HfApi) -> dict[str, Any]:
    """The base model's licence, which binds what is made from it; nothing where it states none.

    Raises HubUnreachable when the Hub gives no answer: a card without it would say it is free.
    """
    if model == BUILTIN_MODEL:
        return {"license": BUILTIN_LICENSE}
    try:
        card = card_of(model, kind="model", api=api)
    except HubUnreachable:
        raise
    except UserError:
        return {}
    # One that is called "other" has a name and a link of its own.
    named = ("license", "license_name", "license_link")
    return {name: str(card[name]) for name in named if card.get(name)}


def _evaluated(config: RunConfig, history: History) -> Iterator[EvalResult]:
    """The model's evaluation, as the Hub's model-index takes it."""
    dataset = config.dataset
    on_hub = dataset.source is DatasetSource.HUB and not dataset.mix
    for metric in (LOSS, *config.method.measures):
        value = history.of_the_model.get(f"eval_{metric.name}")
        if value is not None:
            yield EvalResult(
                task_type=_task(config),
                dataset_type=dataset.name if on_hub and dataset.name else "held-out",
                dataset_name=data_name(config) if on_hub else "rows that were not trained on",
                dataset_config=dataset.subset if on_hub else None,
                dataset_split=config.evaluation.split if on_hub else None,
                metric_type=metric.kind,
                metric_name=f"Evaluation {metric.label.lower()}",
                metric_value=round(value, 4),
            )


def _dataset(config: RunConfig) -> str:
    """What it learned from, in Markdown."""
    mixed = [
        f"{_link(other.name, other.subset, other.split)}, weight {other.weight:g}"
        for other in config.dataset.mix
    ]
    return "; ".join([_main_dataset(config), *mixed])


def _main_dataset(config: RunConfig) -> str:
    dataset = config.dataset
    match dataset.source:
        case DatasetSource.BUILTIN:
            return f"SmolFactory's built-in dataset {dataset.builtin}"
        case DatasetSource.UPLOAD:
            # A file's name is private.
            return "its author's own files"
        case DatasetSource.HUB:
            return _link(dataset.name or "", dataset.subset, dataset.split)


def _link(name: str, subset: str | None, split: str) -> str:
    link = f"[{name}]({hub_endpoint()}/datasets/{name})"
    return link + (f", subset {subset}" if subset else "") + f", split {split}"


def _settings(config: RunConfig) -> Iterator[tuple[str, str]]:
    """What differs from the defaults, and what a reader asks for first."""
    defaults = RunConfig()
    always = {
        "training.learning_rate",
        "training.num_train_epochs",
        "training.per_device_train_batch_size",
        "adapter.kind",
    }
    for setting in settings_of_a_run():
        if setting.section in ("output", "dataset", "model"):
            continue
        value = setting.value(config)
        if value != setting.value(defaults) or setting.path in always:
            yield setting.label, setting.text(value)


def _results(config: RunConfig, history: History) -> Iterator[tuple[str, str]]:
    """What was measured last, each with its name."""
    for metric in (LOSS, *config.method.measures):
        for prefix, phase in (("", "Training"), ("eval_", "Evaluation")):
            value = history.of_the_model.get(f"{prefix}{metric.name}")
            if value is not None:
                yield f"{phase} {metric.label.lower()}", f"{value:.4f}"
    if "num_tokens" in history.latest:
        yield "Tokens seen", f"{history.latest['num_tokens']:,.0f}"


def _draw_losses(history: History, path: Path) -> bool:
    """Draw the losses as an image. Returns False when nothing was measured."""
    from matplotlib.figure import Figure

    curves = {
        label: history.curves[name].points()
        for name, label in (("loss", "training"), ("eval_loss", "evaluation"))
        if name in history.curves
    }
    if not curves:
        return False
    figure = Figure(figsize=(8, 3.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for label, points in curves.items():
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, label=label, marker="o" if label == "evaluation" else None)
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path)
    return True
