"""Whether a model can be trained here, from its list of files and its config.json alone."""

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.config.conflicts import layer_names
from core.config.model import ALL_LINEAR
from core.config.options import Weights
from core.config.run_config import RunConfig
from core.errors import InvalidConfig, UserError
from core.machine.hardware import devices

CAUSAL = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
CLASSIFIERS = "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES"
ADAPTER, CONFIG, WEIGHTS = "adapter_config.json", "config.json", "model.safetensors"
# What a model of weights in fewer bits needs to be trained on with an adapter, by its
# `quant_method`: a package, and whether it computes on a processor too.
QUANTIZED = {
    "bitsandbytes": ("bitsandbytes", True),
    "gptq": ("gptqmodel", True),
    "awq": ("gptqmodel", True),
    "hqq": ("hqq", True),
    "torchao": ("torchao", True),
    "aqlm": ("aqlm", False),
    "eetq": ("eetq", False),
}
# By which a config.json tells a mixture of experts.
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
# In the names of architectures that have another head than a language model's.
OTHER_TASKS = ("Classification", "QuestionAnswering", "MultipleChoice")
HEADS = ("lm_head", "embed_out")
EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "word_embeddings")
# Of a model's layers, in a message.
MOST_NAMED = 12
# Kinds of positions that go on beyond those that the model was first trained on.
STRETCHED = ("linear", "dynamic", "yarn")


def weight_bytes(files: Mapping[str, int]) -> int:
    """The bytes that transformers loads as a model's weights, of files by their names and sizes.

    Beside those may lie the same weights in another layout, an adapter, and folders with more.
    """
    if WEIGHTS in files:
        return files[WEIGHTS]
    return sum(
        size
        for path, size in files.items()
        if path.endswith(".safetensors")
        and "/" not in path
        and not path.startswith(("consolidated", "adapter_"))
    )


def require_weights(name: str, files: Mapping[str, int], *, bases: list[str]) -> int:
    """The bytes of the model's weights, of files by their names and sizes.

    `bases` are what the model was made from, as far as anybody says. Raises UserError at
    model.name when it is no model, or its weights are of a kind that isn't opened.
    """
    if ADAPTER in files and CONFIG not in files:
        raise UserError(
            f"{name} is an adapter, and not a model of its own.",
            hint=f"Train its base model{_named(bases)}, or a merged copy of both.",
            field="model.name",
        )
    weights = weight_bytes(files)
    if weights > 0:
        return weights
    if any(path.endswith(".gguf") for path in files):
        raise UserError(
            f"{name} has GGUF files alone, which are for running a model and not for training it.",
            hint=f"Choose the model that they were made from{_named(bases)}.",
            field="model.name",
        )
    raise UserError(
        f"{name} has no safetensors files, and SmolFactory opens no other kind of weights.",
        hint="Choose a model that has them, or a converted copy.",
        field="model.name",
    )


def adapter_bases(settings: Mapping[str, Any]) -> list[str]:
    """What an adapter was trained on, by its settings; nothing where that is only a folder."""
    base = str(settings.get("base_model_name_or_path"))
    return [base] if base.count("/") == 1 and not base.startswith(("/", ".")) else []


def require_trainable(
    settings: Mapping[str, Any], config: RunConfig, *, weights: Callable[[], Iterable[str]]
) -> None:
    """Raises InvalidConfig with all that a model's config.json says against this run.

    `weights` gives the names of its weights, for a run that names layers to adapt.
    """
    faults: dict[str, str] = {}
    name, adapter = config.model.name, config.adapter
    if fault := _kind_fault(settings, name, scores=config.method.scores):
        faults["model.name"] = fault
    elif quantization := _part(settings, "quantization_config"):
        faults |= _quantization_faults(quantization, config)
    most = positions(settings)
    if most is not None and config.method.max_length > most:
        faults["method.max_length"] = (
            f"{name} has positions for {most:,} tokens. Set it to {most} or less."
        )
    layers = settings.get("num_hidden_layers")
    if adapter.last_layers is not None and isinstance(layers, int) and adapter.last_layers > layers:
        faults["adapter.trainable_layers"] = (
            f"{name} has {layers} layers. Set it to {layers} or less."
        )
    if adapter.has_adapter and "model.name" not in faults:
        if layer_names(adapter) != [ALL_LINEAR]:
            faults |= _layer_faults(weights(), settings, config)
        if adapter.expert_parameters and not any(key in settings for key in EXPERTS):
            text = f"{name} is no mixture of experts: leave this empty."
            faults["adapter.target_parameters"] = text
        if adapter.whole_modules:
            faults |= _module_faults(weights(), settings, config)
    if faults:
        raise InvalidConfig(faults)


def _kind_fault(settings: Mapping[str, Any], name: str, *, scores: bool) -> str | None:
    """What makes it no causal language model that transformers has code for.

    Where it is to give scores, its head is replaced, so that any head will do.
    """
    kind, has_code = str(settings.get("model_type") or ""), "auto_map" in settings
    # Code beside a kind that transformers knows is not run: its own class does the same.
    if has_code and kind not in known_kinds():
        return (
            f"{name} needs code of its own to run, and SmolFactory does not run it. "
            "Choose a model that transformers supports."
        )
    if kind and kind not in known_kinds():
        return (
            f"{name} is of the kind {kind}, which is no causal language model that transformers "
            "knows. Choose another model."
        )
    if scores:
        return (
            None
            if not kind or kind in known_kinds(CLASSIFIERS)
            else (
                f"{name} is of the kind {kind}, for which transformers has no model with a score. "
                "Choose another model."
            )
        )
    stated = settings.get("architectures")
    for architecture in map(str, stated if isinstance(stated, list) else []):
        # Its embedding is its head where the two are tied: then nothing is missing.
        is_bare = (
            architecture.endswith("Model")
            and not architecture.endswith("LMHeadModel")
            and settings.get("tie_word_embeddings") is False
        )
        if is_bare or any(task in architecture for task in OTHER_TASKS):
            return (
                f"{name} was saved as {architecture}, without the head of a language model: "
                "training would begin with one at random. Choose the model that it was made from."
            )
    return None


def _part(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a stranger's file, which may hold anything."""
    found = settings.get(name)
    return found if isinstance(found, dict) else {}


def positions(settings: Mapping[str, Any]) -> int | None:
    """How many tokens a model has positions for; None where it says of no limit."""
    for each in (settings, _part(settings, "text_config")):
        most = each.get("max_position_embeddings") or each.get("n_positions")
        if isinstance(most, int):
            return max(most, *_stretched(most, each))
    return None


def _stretched(most: int, settings: Mapping[str, Any]) -> Iterator[int]:
    yield most
    scaling = _part(settings, "rope_parameters") or _part(settings, "rope_scaling")
    kind = str(scaling.get("rope_type") or scaling.get("type"))
    factor = scaling.get("factor")
    original = scaling.get("original_max_position_embeddings")
    if kind in STRETCHED and isinstance(factor, int | float) and math.isfinite(factor):
        yield int(factor * (original if isinstance(original, int) else most))


def _quantization_faults(
    quantization: Mapping[str, Any], config: RunConfig
) -> Iterator[tuple[str, str]]:
    # bitsandbytes has not always said so.
    is_older = any(quantization.get(f"load_in_{bits}bit") for bits in (4, 8))
    method = str(quantization.get("quant_method", "bitsandbytes" if is_older else "unknown"))
    told = f"The weights of {config.model.name} are quantized ({method})"
    instead = "Choose the model that it was quantized from."
    package, runs_anywhere = QUANTIZED.get(method, (None, False))
    if config.model.quantized:
        yield "model.quantization", f"{told} already: use `none`."
    elif package is None:
        yield "model.name", f"{told}, which can't be trained here. {instead}"
    elif not config.adapter.has_adapter:
        yield "adapter.kind", f"{told}, so they can't be trained themselves: train an adapter."
    elif find_spec(package) is None:
        yield (
            "model.name",
            f"{told}, which needs the package {package}, and it is not installed. {instead}",
        )
    elif not runs_anywhere and devices()[0].kind == "cpu":
        yield "model.name", f"{told}, which needs a GPU, and this machine has none. {instead}"
    elif config.output.weights is not Weights.ADAPTER:
        yield "output.weights", f"{told}, so nothing can be merged into them: push the adapter."


def _module_faults(
    weights: Iterable[str], settings: Mapping[str, Any], config: RunConfig
) -> Iterator[tuple[str, str]]:
    paths = [name.split(".")[:-1] for name in weights]
    parts = {part for path in paths for part in path}
    if not parts or any(key in settings for key in EXPERTS):
        return
    asked = {each.rpartition(".")[2] for each in config.adapter.whole_modules}
    if absent := sorted(asked - parts - {*HEADS}):
        known = ", ".join(sorted(part for part in parts if not part.isdigit())[:MOST_NAMED])
        text = f"{config.model.name} has no modules named {', '.join(absent)}."
        yield "adapter.modules_to_save", f"{text} Name some of: {known}."


def _layer_faults(
    weights: Iterable[str], settings: Mapping[str, Any], config: RunConfig
) -> Iterator[tuple[str, str]]:
    """Of a mixture of experts nothing is said: its layers have other names once it is loaded."""
    # model.layers.0.self_attn.q_proj.weight is a weight of q_proj.
    layers = {name.rpartition(".")[0].rpartition(".")[2] for name in weights}
    if not layers or any(key in settings for key in EXPERTS):
        return
    name, field = config.model.name, "adapter.lora_target_modules"
    asked = {layer.rpartition(".")[2]: layer for layer in layer_names(config.adapter)}
    if absent := [asked[layer] for layer in asked if layer not in {*layers, *HEADS}]:
        known = sorted(each for each in layers - {*HEADS, *EMBEDDINGS} if "norm" not in each)
        text = f"{name} has no layers named {', '.join(absent)}."
        yield field, f"{text} Use {ALL_LINEAR}, or some of: {', '.join(known[:MOST_NAMED])}."
    elif heads := [asked[layer] for layer in asked if layer in HEADS]:
        yield field, f"{heads[0]} is the output head, which can't have an adapter: leave it out."
    elif not layers & set(HEADS) and (shared := [each for each in asked if each in EMBEDDINGS]):
        yield (
            field,
            f"{asked[shared[0]]} is the output head of this model as well, so an adapter for it "
            "can't be merged: leave it out, or train all weights.",
        )


def _named(bases: list[str]) -> str:
    return f", {bases[0]}" if len(bases) == 1 else ""


@cache
def known_kinds(table: str = CAUSAL) -> frozenset[str]:
    """The kinds of causal language models that transformers has code for, by their `model_type`.

    Or those of another of its tables.

    Read from its source: importing it would cost the page seconds and memory.
    """
    found = find_spec("transformers")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("transformers is not installed.")
    source = Path(found.origin).parent / "models" / "auto" / "modeling_auto.py"
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(args=[listed])) if (
                name == table
            ):
                return frozenset(dict(ast.literal_eval(listed)))
    raise LookupError(f"{source} has no {table}.")
