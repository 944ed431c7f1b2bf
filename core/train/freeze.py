"""Trains the last layers of a model as they are, and freezes all else."""

from torch import nn
from transformers import PreTrainedModel

from core.errors import UserError
from core.train.score_head import SCORE


def freeze_all_but(model: PreTrainedModel, *, last: int) -> None:
    """Freeze all weights but those of the last layers, and of a new head for scores.

    Raises UserError where the model has not so many.
    """
    count = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    layers = next((each for each in lists if len(each) == count), None)
    if layers is None or last > count:
        has = "no list of layers" if layers is None else f"{count} layers"
        raise UserError(
            f"This model has {has}.",
            hint="Train all weights, or an adapter." if layers is None else "Train fewer.",
            field="adapter.trainable_layers",
        )
    model.requires_grad_(False)
    for layer in layers[count - last :]:
        layer.requires_grad_(True)
    head = getattr(model, SCORE, None)
    if head is not None:
        head.requires_grad_(True)
