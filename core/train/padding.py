"""Whether the rows of a batch lie end to end, or are padded to the longest of them."""

from transformers import PreTrainedModel

from core.config.methods.settings import MethodSettings
from core.config.options import Switch
from core.config.resolved import Choice
from core.train.row_attention import attend_as_before, attend_by_row, has_flash_attention
from core.train.row_isolation import keeps_rows_apart, require_rows_apart


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
    if attend_by_row(model, longest=method.max_length) or has_flash_attention(model):
        if keeps_rows_apart(model):
            return Choice(value=Switch.ON, why="this model's attention looks at each row alone")
        attend_as_before(model)
    if wanted is Switch.ON:
        require_rows_apart(model, field="method.packing" if method.packs else "method.padding_free")
        return Choice(value=Switch.ON, why="as this method is set")
    why = "this model's attention here would compare all tokens of a batch"
    return Choice(value=Switch.OFF, why=why)
