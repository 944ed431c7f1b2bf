"""The base model and its tokenizer, from this machine or the Hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.builtin import BUILTIN_MODEL, builtin_model_folder, builtin_source, is_ready
from core.config import RunConfig, layer_names
from core.errors import HubUnreachable, UserError
from core.events import Choice
from core.hub import hub_errors
from core.options import AdapterKind, NumberFormat
from core.sections import AdapterSection, ModelSection


@dataclass(frozen=True)
class ModelSource:
    """Where the model is loaded from, with its tokenizer."""

    name: str
    path: str
    revision: str | None
    tokenizer: PreTrainedTokenizerBase
    choices: dict[str, Choice]


def load_tokenizer(model: ModelSection, *, home: Path, before: object) -> ModelSource:
    """Find the model and load its tokenizer; `before` is the revision it had when the run began.

    Raises UserError at model.name.
    """
    folder = builtin_model_folder(home)
    if model.name == BUILTIN_MODEL and model.revision is None and is_ready(folder):
        path, revision = str(folder), None
        choice = Choice(value=builtin_source(folder), why="the built-in copy")
    else:
        path = model.name
        revision, choice = _pin(model, before=before)
    with _load_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, trust_remote_code=False)
    return ModelSource(
        name=model.name, path=path, revision=revision, tokenizer=tokenizer,
        choices={"model_revision": choice},
    )  # fmt: skip


def load_model(config: RunConfig, *, source: ModelSource, number_format: str) -> PreTrainedModel:
    """The model as it will be trained: whole, or frozen with a LoRA adapter."""
    with _load_errors(config.model):
        model = AutoModelForCausalLM.from_pretrained(
            source.path,
            revision=source.revision,
            dtype=_weights_dtype(config.adapter.kind, number_format),
            trust_remote_code=False,
            use_safetensors=True,
        )
    model.config.use_cache = False
    if config.adapter.kind is AdapterKind.LORA:
        return _with_adapter(model, config.adapter, revision=source.revision)
    return model


def _weights_dtype(kind: AdapterKind, number_format: str) -> torch.dtype:
    """Frozen weights may be stored in bfloat16; weights that are trained need float32's digits."""
    if kind is AdapterKind.LORA and number_format == NumberFormat.BFLOAT16:
        return torch.bfloat16
    return torch.float32


def _with_adapter(
    model: PreTrainedModel, adapter: AdapterSection, *, revision: str | None
) -> PreTrainedModel:
    names = layer_names(adapter)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules="all-linear" if names == ["all-linear"] else names,
        revision=revision,
    )
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise UserError(
            f"This model has no layers named {adapter.target_modules}.",
            hint="Use all-linear, or names as the model's page shows them.",
            field="adapter.target_modules",
        ) from error


def _pin(model: ModelSection, *, before: object) -> tuple[str | None, Choice]:
    """The commit that the revision stood for when the run began, so that it can be repeated."""
    from huggingface_hub import HfApi

    if before is not None:
        return str(before), Choice(value=str(before), why="as when this run began")
    try:
        with hub_errors(
            f"the model {model.name}", field="model.name", revision_field="model.revision"
        ):
            sha = HfApi().model_info(model.name, revision=model.revision).sha
    except HubUnreachable:
        wanted = model.revision or "main"
        return model.revision, Choice(value=wanted, why="the Hub was out of reach")
    return sha, Choice(value=str(sha), why=f"the newest commit of {model.revision or 'main'}")


@contextmanager
def _load_errors(model: ModelSection) -> Iterator[None]:
    """Turn what transformers raises while loading into a message at the model."""
    try:
        yield
    except (OSError, ValueError) as error:
        # A full disk or a broken one has a number; that is not the model's fault.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"{model.name} can't be loaded: {str(error).partition(chr(10))[0][:300]}",
            hint="Choose a causal language model with safetensors weights.",
            field="model.name",
        ) from error
