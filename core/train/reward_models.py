"""The reward models of a run, from the Hub or from other runs here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedModel

from core.config.methods.writing import WritingSettings
from core.config.model import ModelSection
from core.config.options import Precision
from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.errors import UserError
from core.runs.store import RunStore
from core.train.export.merge import merged
from core.train.methods.scorer import Scorer
from core.train.model import load_scorer
from core.train.tokenizer import ModelSource, load_tokenizer

FIELD = "method.rewards"


def load_reward_models(
    config: RunConfig, *, home: Path, precision: str, before: Mapping[str, object]
) -> tuple[list[Scorer], dict[str, Choice]]:
    """In the order of the rewards; and which commit each is at, which `before` had already.

    Raises UserError at the rewards.
    """
    method, choices, scorers = config.method, {}, []
    found = method.reward_models if isinstance(method, WritingSettings) else []
    # Only read: on a processor float32 is the quicker one, and what it was trained in.
    dtype = torch.bfloat16 if precision == Precision.BFLOAT16 else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for number, reward in enumerate(found, 1):
        with _at_the_rewards():
            if reward.run is not None:
                scorer = _of_run(reward.run, home=home, dtype=dtype)
            else:
                key = f"reward_model_revision_{number}"
                section = ModelSection(name=str(reward.id), revision=reward.revision)
                source = load_tokenizer(section, home=home, before=before.get(key))
                choices[key] = source.choices["model_revision"]
                scorer = Scorer(load_scorer(section, source=source, dtype=dtype), source.tokenizer)
            if scorer.tokenizer.chat_template is None:
                raise UserError(
                    f"The reward model {reward.what} has no chat template, so it can't read a "
                    "prompt with its answer.",
                    hint="Name a reward model for conversations.",
                )
        scorer.model.requires_grad_(requires_grad=False).eval().to(device)
        scorers.append(scorer)
    return scorers, choices


def _of_run(run_id: str, *, home: Path, dtype: torch.dtype) -> Scorer:
    run = RunStore(home).open(run_id)
    config = run.config()
    tokenizer = AutoTokenizer.from_pretrained(run.paths.model)
    if config.adapter.has_adapter:
        model: PreTrainedModel = merged(run).model.to(dtype)
        return Scorer(model, tokenizer)
    source = ModelSource(
        name=f"the run {run_id}", path=str(run.paths.model), revision=None, tokenizer=tokenizer,
        choices={}, is_offline=True,
    )  # fmt: skip
    return Scorer(load_scorer(config.model, source=source, dtype=dtype), tokenizer)


@contextmanager
def _at_the_rewards() -> Iterator[None]:
    """Errors that name the base model's settings are about a reward."""
    try:
        yield
    except UserError as error:
        error.field = FIELD
        raise
