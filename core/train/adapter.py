"""The adapter that is trained in place of the model's own weights."""

import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel
from torch import nn
from transformers import PreTrainedModel

from core.config.conflicts import layer_names
from core.config.model import ALL_EXPERTS, ALL_LINEAR, AdapterSection
from core.config.options import LoraInit
from core.errors import UserError

FIELD = "adapter.lora_target_modules"
# The number of a layer, in the path of what lies in it.
NUMBERED = re.compile(r"\.\d+\.")


def peft_config(
    adapter: AdapterSection, *, model: PreTrainedModel, revision: str | None, scores: bool = False
) -> PeftConfig | None:
    """What TRL's trainers make the adapter of `model` from; None where all weights are trained.

    `revision` is the commit of the base model, which the adapter names; `scores`, whether the model
    has a new head for scores. Raises UserError at the layers that are named and can't be adapted.
    """
    if not adapter.has_adapter:
        return None
    names = layer_names(adapter)
    if names != [ALL_LINEAR]:
        _require_trainable(names, model)
    if adapter.changes_base:
        _require_rank(adapter, names, model)
    whole = _whole_modules(adapter, model)
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    is_tied = head is not None and head.weight is embedding.weight
    start = adapter.init_lora_weights
    return LoraConfig(
        # With SEQ_CLS, peft trains and saves the new head beside the adapter.
        task_type="SEQ_CLS" if scores else "CAUSAL_LM",
        r=adapter.lora_r,
        lora_alpha=adapter.lora_alpha,
        lora_dropout=adapter.lora_dropout,
        target_modules=ALL_LINEAR if names == [ALL_LINEAR] else names,
        init_lora_weights=True if start is LoraInit.DEFAULT else start.value,
        use_rslora=adapter.use_rslora,
        use_dora=adapter.use_dora,
        modules_to_save=list(whole) or None,
        target_parameters=_experts(adapter, model) or None,
        # Trained apart, the two would be two weights in the merged model.
        ensure_weight_tying=is_tied and any(each in (head, embedding) for each in whole.values()),
        revision=revision,
    )


def keep_beginning(model: PeftModel, folder: Path) -> None:
    """Write down what the adapter begins as, for `save_on_base`."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)


def save_on_base(model: PeftModel, folder: Path, *, beginning: Path) -> None:
    """Save an adapter that took over a part of its base as one for that base as it is.

    What it has learned is the difference to its beginning, of twice the rank.
    """
    with warnings.catch_warnings(action="ignore"):
        # peft warns of the other adapter that it loads to take the difference.
        model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(beginning))
    shutil.rmtree(beginning)


@contextmanager
def adapter_errors() -> Iterator[None]:
    """Turn what peft raises about layers that it can't adapt into a message at their setting."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Target module"):
            raise
        raise UserError(
            f"LoRA can't adapt one of these layers: {str(error).partition(chr(10))[0][:200]}",
            hint="Name linear layers, such as q_proj, or use all-linear.",
            field=FIELD,
        ) from error


def _experts(adapter: AdapterSection, model: PreTrainedModel) -> list[str]:
    """The parameters of experts to adapt, each by its name within a layer."""
    asked = adapter.expert_parameters
    if not asked:
        return []
    # What lies in a layer, of three dimensions: one matrix for each expert.
    known = {
        NUMBERED.split(path)[-1] for path, weight in model.named_parameters() if weight.ndim == 3
    }
    found = {path for path in known if asked == [ALL_EXPERTS] or path in asked}
    absent = [] if asked == [ALL_EXPERTS] else sorted(set(asked) - known)
    if absent or not found:
        raise UserError(
            f"This model has no experts named {', '.join(absent or asked)}.",
            hint=f"Name some of {', '.join(sorted(known))}." if known else "Leave this empty.",
            field="adapter.target_parameters",
        )
    return sorted(found)


def _require_rank(adapter: AdapterSection, names: list[str], model: PreTrainedModel) -> None:
    """A weight has no more parts to take over than it is wide: peft would take fewer, unsaid."""
    head = model.get_output_embeddings()
    narrowest = min(
        min(module.weight.shape)
        for path, module in model.named_modules()
        if _is_linear(module)
        and module is not head
        and (names == [ALL_LINEAR] or any(_is_named(path, name) for name in names))
    )
    if adapter.lora_r > narrowest:
        raise UserError(
            f"The narrowest of the adapted layers has a width of {narrowest}, which is the "
            "highest rank with this initialization.",
            hint="Lower the rank, or use the default initialization.",
            field="adapter.lora_r",
        )


def _whole_modules(adapter: AdapterSection, model: PreTrainedModel) -> dict[str, nn.Module]:
    """The modules that are trained beside the adapter, by their whole paths.

    peft would take any whose path ends with the name: with `norm`, `input_layernorm` too.
    """
    modules = dict(model.named_modules())
    found: dict[str, nn.Module] = {}
    for name in adapter.whole_modules:
        named = {path: module for path, module in modules.items() if _is_named(path, name)}
        if not named:
            known = {path.rpartition(".")[2] for path in modules if path}
            raise UserError(
                f"This model has no modules named {name}.",
                hint=f"Name some of {', '.join(sorted(k for k in known if not k.isdigit()))}.",
                field="adapter.modules_to_save",
            )
        found |= named
    return found


def _require_trainable(names: list[str], model: PreTrainedModel) -> None:
    """peft passes over a name without a layer, as long as another has one."""
    modules = dict(model.named_modules())
    named = {name: [m for path, m in modules.items() if _is_named(path, name)] for name in names}
    if absent := [name for name, found in named.items() if not found]:
        head = model.get_output_embeddings()
        linear = {
            path.rpartition(".")[2]
            for path, module in modules.items()
            if _is_linear(module) and module is not head
        }
        raise UserError(
            f"This model has no layers named {', '.join(absent)}.",
            hint=f"Use all-linear, or some of {', '.join(sorted(linear))}.",
            field=FIELD,
        )
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    is_tied = head is not None and head.weight is embedding.weight
    for name, found in named.items():
        if any(module is head for module in found):
            raise UserError(
                f"{name} is the model's output head, which can't have an adapter: the loss is "
                "computed from its own weights.",
                hint="Leave it out, or train all weights.",
                field=FIELD,
            )
        # Adapted apart, the two would be one weight again in the merged model.
        if is_tied and any(module is embedding for module in found):
            raise UserError(
                f"{name} is the model's embedding, which is its output head as well: an adapter "
                "for one of them could not be merged.",
                hint="Leave it out, or train all weights.",
                field=FIELD,
            )


def _is_named(path: str, name: str) -> bool:
    """As peft tells it."""
    return path == name or path.endswith(f".{name}")


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
