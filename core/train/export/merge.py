"""Merges a run's adapter into its base model: python -m core.train.export.merge RUN_DIR

The result stands alone: it needs neither peft nor the base to be loaded.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.errors import UserError
from core.machine.atomic import publish_folder
from core.runs.causes import FailureCause
from core.runs.events import EventWriter, PushFailed
from core.runs.paths import RunPaths
from core.runs.store import Run
from core.train.generation import settle_generation
from core.train.model import load_base, stored_dtype
from core.train.process import prepare_process
from core.train.tokenizer import ModelSource, load_tokenizer

FAILED = 1


@dataclass(frozen=True)
class Merged:
    """A model in float32, its tokenizer, and the base that is in it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: ModelSource


def merge(run: Run) -> None:
    """Leave the merged model, in the number format of its base, beside the adapter.

    Raises UserError when the base can't be loaded any more.
    """
    made = merged(run)
    aside = run.paths.merged.with_name(".merged")
    shutil.rmtree(aside, ignore_errors=True)
    made.model.to(stored_dtype(made.source)).save_pretrained(aside)
    made.tokenizer.save_pretrained(aside)
    shutil.rmtree(run.paths.merged, ignore_errors=True)
    publish_folder(aside, run.paths.merged)


def merged(run: Run) -> Merged:
    """The run's adapter in its base. Raises UserError when that can't be loaded any more."""
    config = run.config()
    source = load_tokenizer(
        config.model, home=run.home, before=run.resolved().get("model_revision")
    )
    # Small differences are added: bfloat16 would lose some of them on the way.
    base = load_base(config.model, source=source, dtype=torch.float32, scores=config.method.scores)
    if getattr(base, "is_quantized", False):
        raise UserError("The base was published in fewer bits, so nothing can be merged into it.")
    tokenizer = AutoTokenizer.from_pretrained(run.paths.model)
    settle_generation(base, tokenizer)
    model = PeftModel.from_pretrained(base, str(run.paths.model)).merge_and_unload()
    model.config.use_cache = True
    if config.method.scores:
        # A score is read at the last token of a text, which padding must not be taken for.
        model.config.pad_token_id = tokenizer.pad_token_id
    return Merged(model, tokenizer, source)


def main() -> int:
    prepare_process()
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    try:
        merge(run)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        remedies = [error.hint] if error.hint else []
        EventWriter(run.paths.events).write(
            PushFailed(
                cause=FailureCause.NOT_MERGED,
                explanation=f"The adapter was not merged into its base: {error.message}",
                remedies=[*remedies, "Push the adapter alone."],
            )
        )
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
