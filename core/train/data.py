"""A run's rows as datasets that TRL takes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, List, Value

from core.builtin import builtin_dataset_files
from core.config import RunConfig
from core.data.files import Row
from core.data.formats import Example, find_shape, to_example
from core.data.hub_rows import load_hub_split
from core.data.sources import examples_of_file
from core.errors import UserError
from core.events import Choice
from core.options import DatasetShape, DatasetSource
from core.runs import Run
from core.sections import DatasetSection

_MESSAGES = List({"role": Value("string"), "content": Value("string")})
_FEATURES = {
    DatasetShape.MESSAGES: Features({"messages": _MESSAGES}),
    DatasetShape.PROMPT_COMPLETION: Features({"prompt": _MESSAGES, "completion": _MESSAGES}),
    DatasetShape.TEXT: Features({"text": Value("string")}),
}


@dataclass(frozen=True)
class Data:
    """Examples to train on and to evaluate with, with the shape of both."""

    shape: DatasetShape
    train: Dataset
    evaluation: Dataset | None
    choices: dict[str, Choice]
    warnings: list[str] = field(default_factory=list)


def load_data(config: RunConfig, *, run: Run, has_template: bool) -> Data:
    """Read the run's rows, and keep some from training to evaluate with.

    Raises UserError when a row can't be formatted, or the shape does not suit the model.
    """
    dataset = config.dataset
    evaluation: Dataset | None = None
    match dataset.source:
        case DatasetSource.BUILTIN:
            files = builtin_dataset_files(dataset.builtin)
            shape, train = _from_file(files["train"], dataset=dataset)
            _, evaluation = _from_file(files["test"], dataset=dataset)
        case DatasetSource.UPLOAD:
            shape, train = _from_file(run.paths.data / (dataset.file or ""), dataset=dataset)
        case DatasetSource.HUB:
            shape, train = _from_hub(dataset, split=dataset.split, field="dataset.split")
            if config.evaluation.split is not None:
                _, evaluation = _from_hub(
                    dataset, split=config.evaluation.split, field="evaluation.split"
                )
    if shape is not DatasetShape.TEXT and not has_template:
        raise UserError(
            f"{config.model.name} has no chat template, so it can't be trained on conversations.",
            hint="Choose an instruct model, or train on plain text.",
            field="model.name",
        )
    warnings = []
    if evaluation is None and config.evaluation.fraction > 0:
        train, evaluation = _hold_out(config, train)
        if evaluation is None:
            warnings.append("There are too few rows to hold any out: nothing is evaluated.")
    if evaluation is not None:
        evaluation = evaluation.select(range(min(len(evaluation), config.evaluation.max_rows)))
    choices = {
        "rows": Choice(value=str(len(train))),
        "evaluation_rows": Choice(value=str(len(evaluation) if evaluation else 0)),
        "shape": Choice(value=shape),
    }
    return Data(shape=shape, train=train, evaluation=evaluation, choices=choices, warnings=warnings)


def _from_file(path: Path, *, dataset: DatasetSection) -> tuple[DatasetShape, Dataset]:
    shape, _ = examples_of_file(path, dataset=dataset)
    rows = Dataset.from_generator(
        _generate,
        features=_FEATURES[shape],
        gen_kwargs={"path": path, "dataset": dataset, "changed": path.stat().st_mtime_ns},
    )
    return shape, rows


def _generate(
    *,
    path: Path,
    dataset: DatasetSection,
    changed: int,  # noqa: ARG001
) -> Iterator[Example]:
    """`changed` is for the key of datasets' cache alone: a changed file is another one."""
    yield from examples_of_file(path, dataset=dataset)[1]


def _from_hub(dataset: DatasetSection, *, split: str, field: str) -> tuple[DatasetShape, Dataset]:
    rows = load_hub_split(dataset, split=split, field=field)
    if len(rows) == 0:
        raise UserError(f"The split {split!r} of {dataset.name} has no rows.", field=field)
    shape = find_shape(dataset, rows.column_names)

    def convert(values: dict[str, Any], index: int) -> Example:
        return to_example(Row(f"row {index + 1}", values), dataset=dataset, shape=shape)

    examples = rows.map(
        convert, with_indices=True, remove_columns=rows.column_names, features=_FEATURES[shape],
        desc="Reading the rows",
    )  # fmt: skip
    return shape, examples


def _hold_out(config: RunConfig, rows: Dataset) -> tuple[Dataset, Dataset | None]:
    """Split rows by chance, with the run's seed; the order of those to train on stays."""
    count = round(len(rows) * config.evaluation.fraction)
    if count == 0:
        return rows, None
    if count >= len(rows):
        raise UserError(
            "Nothing would be left to train on.", hint="Hold out a smaller share.",
            field="evaluation.fraction",
        )  # fmt: skip
    chooser = random.Random(config.training.seed)  # noqa: S311
    held = set(chooser.sample(range(len(rows)), count))
    return (
        rows.select([index for index in range(len(rows)) if index not in held]),
        rows.select(sorted(held)),
    )
