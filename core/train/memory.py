"""What a training takes of this machine's memory, and how much of that is free."""

import pyarrow.compute as pc
import torch
from datasets import Dataset, IterableDataset
from transformers import PreTrainedModel

from core.config.run_config import RunConfig
from core.estimate.memory import Memory, peak_memory
from core.estimate.model_shape import UnknownShape, shape_of
from core.machine.hardware import processor


def memory_of(
    config: RunConfig, *, model: PreTrainedModel, precision: str, length: int, fused_head: bool
) -> Memory | UnknownShape:
    """The peak without gradient checkpointing, or why it can't be told."""
    try:
        shape = shape_of(model.config.to_dict(), parameters=model.num_parameters())
    except UnknownShape as error:
        return error
    return peak_memory(
        config, shape, precision=precision, length=length, fused_head=fused_head,
        checkpointing=False, on_gpu=torch.cuda.is_available(),
    )  # fmt: skip


def longest_row(config: RunConfig, rows: Dataset | IterableDataset) -> int:
    """Tokens of the longest row, or as many as there can be where that is not known."""
    most = config.method.max_length
    if config.method.packs or not isinstance(rows, Dataset):
        return most
    longest = {
        name: _longest(rows, name) for name in config.method.columns if name.endswith("_ids")
    }
    written = config.method.longest_answer
    # A prompt comes before each of the answers.
    return min(most, longest.pop("prompt_ids", 0) + max(longest.values(), default=written))


def _longest(rows: Dataset, column: str) -> int:
    lengths = pc.list_value_length(rows.data.column(column))
    if (chosen := rows._indices) is not None:
        # Of the table, only these rows are trained on.
        lengths = lengths.take(chosen.column(0))
    return pc.max(lengths).as_py() or 0


def free_memory() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return processor().memory_free
