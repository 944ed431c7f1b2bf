"""The datasets that come with SmolFactory."""

from pathlib import Path

from core.config.builtin_names import BUILTIN_DATASETS
from core.config.methods import METHODS
from core.config.options import DatasetFormat
from core.errors import UserError
from core.machine.source_tree import TEMPLATES

# What a row of each built-in dataset is; not all can be told by the columns alone.
BUILTIN_FORMATS = {
    "facts_to_json": DatasetFormat.MESSAGES,
    "facts_pairs": DatasetFormat.PREFERENCE,
    "facts_rated": DatasetFormat.UNPAIRED_PREFERENCE,
    "sums": DatasetFormat.PROMPT_ONLY,
}


def builtin_datasets_for(method: str) -> list[str]:
    """The built-in datasets that a training method can learn from, made for it first."""
    formats = METHODS[method].formats if method in METHODS else ()
    return [name for format in formats for name, own in BUILTIN_FORMATS.items() if own is format]


_DATASETS = TEMPLATES / "datasets"


def builtin_dataset_files(name: str) -> dict[str, Path]:
    """Each split of a built-in dataset with its file.

    Raises UserError when there is no such dataset.
    """
    if name not in BUILTIN_DATASETS:
        raise UserError(
            f"There is no built-in dataset {name!r}.",
            hint=f"There are: {', '.join(BUILTIN_DATASETS)}.",
            field="dataset.builtin",
        )
    return {split: _DATASETS / name / f"{split}.jsonl" for split in ("train", "test")}
