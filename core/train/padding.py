"""Whether the rows of a batch lie end to end, or are padded to the longest of them."""

import torch
from transformers import PreTrainedModel

from core.config.methods.settings import MethodSettings
from core.config.options import Switch
from core.config.resolved import Choice
from core.train.row_attention import attend_as_before, attend_by_row
from core.train.row_isolation import are_rows_isolated, require_isolated_rows


def choose_padding_free(
    method: MethodSettings, model: PreTrainedModel, *, before: object
) -> Choice:
    """Whether to train without padding, and why; the model then attends row by row if it can.

    `before` is what this became when the run began, if it did. Raises UserError where packing or
    a person wants it and the model would mix the rows up.
    """
    wanted = method.rows_end_to_end
    if wanted is Switch.OFF:
        return Choice(value=Switch.OFF, why="as this method is set")
    if wanted is Switch.AUTO and before == Switch.OFF:
        return Choice(value=Switch.OFF, why="as when this run began")
    if attend_by_row(model, longest=method.max_length):
        if are_rows_isolated(model):
            return Choice(value=Switch.ON, why="this model's attention looks at each row alone")
        attend_as_before(model)
    if wanted is Switch.ON:
        accelerator = torch.accelerator.current_accelerator()
        # A quantized model is there already, and can't be moved.
        if accelerator is not None and model.device.type != accelerator.type:
            # Where the trainer will have it anyway, and the probe is quick.
            model.to(accelerator)
        field = "method.packing" if method.packs else "method.padding_free"
        require_isolated_rows(model, field=field)
        return Choice(value=Switch.ON, why="as this method is set")
    why = "here this model's attention would compare all tokens of a batch"
    return Choice(value=Switch.OFF, why=why)
