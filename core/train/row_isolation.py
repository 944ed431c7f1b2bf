"""Whether rows that are laid end to end stay apart in a model: measured, not looked up by name.

Packing, and training without padding, put several rows into one sequence and tell them apart by
positions that begin anew. A model that does not heed them lets each row read those before it:
by attention that ignores them, or by a state that is carried along, as in recurrent layers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft import PeftModel
from transformers import PreTrainedModel
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from core.errors import UserError

ROW_TOKENS = 12
# What rounding may change of the logits, as a share of the square root of the number format's
# precision: little where shapes are the same, more where they are not.
SAME_SHAPE, OTHER_SHAPE = 0.1, 1.0


def require_isolated_rows(model: PreTrainedModel | PeftModel, *, field: str) -> None:
    """Raises UserError at the setting that lays rows end to end, when they would be mixed up."""
    if not are_rows_isolated(model):
        raise UserError(
            "This model can't separate rows that are joined into one sequence: each row would see "
            "the ones before it.",
            hint=f"Turn off `{field}`.",
            field=field,
        )


def are_rows_isolated(model: PreTrainedModel | PeftModel) -> bool:
    """Whether a row's logits are the same behind any other row, and the same as alone.

    The rows are laid out by TRL's own collator, so the model sees them as it does in training.
    """
    vocabulary = model.get_input_embeddings().weight.shape[0]
    chance = torch.Generator().manual_seed(0)
    first, other, row = torch.randint(vocabulary, (3, ROW_TOKENS), generator=chance).tolist()
    try:
        with _at_rest(model), torch.no_grad():
            alone = _logits(model, [row])
            behind_first = _logits(model, [first, row])[ROW_TOKENS:]
            behind_other = _logits(model, [other, row])[ROW_TOKENS:]
    except (
        ValueError, TypeError, RuntimeError, LookupError, AttributeError, AssertionError,
    ):  # fmt: skip
        # Some refuse such a sequence themselves.
        return False
    return _are_same(behind_first, behind_other, within=SAME_SHAPE) and _are_same(
        behind_first, alone, within=OTHER_SHAPE
    )


def _are_same(one: torch.Tensor, other: torch.Tensor, *, within: float) -> bool:
    tolerance = within * torch.finfo(one.dtype).eps ** 0.5
    difference = (one.float() - other.float()).abs().mean()
    return bool(difference <= tolerance * other.float().abs().mean())


def _logits(model: PreTrainedModel | PeftModel, rows: list[list[int]]) -> torch.Tensor:
    collator = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    batch = collator([{"input_ids": row} for row in rows])
    del batch["labels"]
    moved = {
        name: value.to(model.device) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }
    logits: torch.Tensor = model(**moved, use_cache=False).logits[0]
    return logits


@contextmanager
def _at_rest(model: PreTrainedModel | PeftModel) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
