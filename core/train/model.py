"""The base model, from this machine or the Hub."""

import re
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    PreTrainedModel,
    set_seed,
)

from core.config.model import ModelSection
from core.config.options import Precision
from core.config.run_config import RunConfig
from core.errors import UserError
from core.train.quantization import keep_trainable, quantization_config
from core.train.score_head import is_replaced, is_score, keep_exact
from core.train.tokenizer import ModelSource, load_errors

NAMED_WEIGHTS = 3
# What older files have of masks and positions, which models compute by now.
BUFFER = re.compile(r"(attn|attention)\.(masked_)?bias$|inv_freq$")


def load_model(config: RunConfig, *, source: ModelSource, precision: str) -> PreTrainedModel:
    """The base model in the number format that its training needs. Raises UserError."""
    scores = config.method.scores
    if scores:
        # The new head begins at random: the same in each run with this seed, as TRL has it.
        set_seed(config.training.seed)
    model = load_base(
        config.model, source=source, dtype=_weights_dtype(config, precision), scores=scores,
        quantization=quantization_config(config.model.quantization, precision=precision),
    )  # fmt: skip
    if config.model.quantized:
        keep_trainable(model)
    model.config.use_cache = False
    if scores:
        keep_exact(model)
    return model


def load_base(
    model: ModelSection,
    *,
    source: ModelSource,
    dtype: torch.dtype,
    scores: bool = False,
    quantization: BitsAndBytesConfig | None = None,
) -> PreTrainedModel:
    """The base model, all of whose weights come from its files, but for the head where it `scores`.

    Raises UserError at model.name when it can't be loaded, or more of it would be left to chance.
    """
    base, loaded = _from_files(
        model, source=source, dtype=dtype, scores=scores, quantization_config=quantization
    )
    _require_whole(model.name, loaded, scores=scores)
    # It names code of the base's repository, which was not run and is not saved.
    vars(base.config).pop("auto_map", None)
    return base


def load_scorer(model: ModelSection, *, source: ModelSource, dtype: torch.dtype) -> PreTrainedModel:
    """A reward model as it was trained, its head with it. Raises UserError at model.name."""
    scorer, loaded = _from_files(model, source=source, dtype=dtype, scores=True)
    lacks = sorted([*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])])
    if lacks:
        raise UserError(
            f"{source.name} is no whole reward model: it lacks {_listed(lacks)}.",
            hint="Name a sequence classification model with a single label.",
            field="model.name",
        )
    return scorer


def _from_files(
    model: ModelSection, *, source: ModelSource, dtype: torch.dtype, scores: bool, **more: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """A model, and what its files had and lacked. Raises UserError at model.name."""
    kind: Any = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    with load_errors(model):
        loaded: tuple[PreTrainedModel, dict[str, Any]] = kind.from_pretrained(
            source.path,
            revision=source.revision,
            local_files_only=source.is_offline,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            # Told by us, with the rest, in place of a RuntimeError.
            ignore_mismatched_sizes=True,
            **({"num_labels": 1} if scores else {}),
            **more,
        )
    return loaded


def stored_dtype(source: ModelSource) -> torch.dtype:
    """The number format that the base's weights are stored in."""
    settings = AutoConfig.from_pretrained(
        source.path, revision=source.revision, local_files_only=source.is_offline,
        trust_remote_code=False,
    )  # fmt: skip
    stored = settings.dtype
    return stored if isinstance(stored, torch.dtype) else torch.float32


def _weights_dtype(config: RunConfig, precision: str) -> torch.dtype:
    """Frozen weights may be stored in bfloat16; weights that are trained need float32's digits."""
    if config.adapter.has_adapter and precision == Precision.BFLOAT16:
        return torch.bfloat16
    return torch.float32


def _require_whole(name: str, loaded: dict[str, Any], *, scores: bool) -> None:
    """Raises UserError for weights that are left to chance, or not used.

    transformers takes both with a line in the log. It names neither tied weights nor what its
    models say is made anew.
    """
    missing = sorted([*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])])
    unexpected = sorted(key for key in loaded["unexpected_keys"] if not BUFFER.search(key))
    if scores:
        missing = [key for key in missing if not is_score(key)]
        unexpected = [key for key in unexpected if not is_replaced(key)]
    if not missing and not unexpected:
        return
    faults = []
    if missing:
        faults.append(f"it lacks {_listed(missing)}, which would begin at random")
    if unexpected:
        faults.append(f"it has {_listed(unexpected)}, which would not be used")
    raise UserError(
        f"{name} is not a whole causal language model: {', and '.join(faults)}.",
        hint="Choose a repository that was saved as a causal language model, with its head, "
        "and not as a classifier or a bare encoder.",
        field="model.name",
    )


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED_WEIGHTS
    return ", ".join(names[:NAMED_WEIGHTS]) + (f" and {more:,} more" if more > 0 else "")
