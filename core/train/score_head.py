"""The head that gives a text one number: what a reward model has in place of a language model's."""

from transformers import PreTrainedModel

# As transformers names it, where it puts such a head on a decoder.
SCORE = "score"
# Those of language models, which it replaces.
REPLACED = ("lm_head.", "embed_out.")


def is_replaced(key: str) -> bool:
    """Whether a weight of the base is one that a scoring model has no use for."""
    return key.startswith(REPLACED)


def is_score(key: str) -> bool:
    """Whether a weight is the new head's, which begins at random."""
    return key.startswith(f"{SCORE}.")


def keep_exact(model: PreTrainedModel) -> None:
    """Have the head in float32, whatever the frozen weights are in: it is always trained."""
    model.get_submodule(SCORE).float()
