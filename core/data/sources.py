"""Where a run's rows come from: files and splits of the Hub, one by one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.builtin.datasets import BUILTIN_FORMATS, builtin_dataset_files
from core.config.data import ColumnsSection, DatasetSection, FiltersSection, Mixed
from core.config.options import DatasetFormat, DatasetSource
from core.config.run_config import RunConfig
from core.errors import UserError

MIX_FIELD = "dataset.mix"

# The person's files by the names that the settings give them.
Files = Mapping[str, Path]


@dataclass(frozen=True)
class HubSplit:
    """A split of a dataset on the Hub, and which settings name its parts."""

    name: str
    subset: str | None
    split: str
    revision: str | None
    name_field: str = "dataset.name"
    subset_field: str = "dataset.subset"
    split_field: str = "dataset.split"
    revision_field: str = "dataset.revision"


@dataclass(frozen=True)
class Source:
    """One file or one split, and how its columns and its rows are to be taken."""

    name: str
    content: Path | HubSplit
    # The setting that is at fault when a row is.
    field: str
    format: DatasetFormat
    columns: ColumnsSection
    filters: FiltersSection
    # How often each row counts: 0.5 is half of them, by chance.
    weight: float = 1.0
    # Whether to say in which source a row stands: where there are several.
    is_named: bool = False

    @property
    def format_field(self) -> str:
        """The setting that says what shape its rows have."""
        hub_or_upload = self.field not in (MIX_FIELD, "dataset.builtin")
        return "dataset.format" if hub_or_upload else self.field

    def place(self, place: str) -> str:
        return f"{place} of {self.name}" if self.is_named else place


@dataclass(frozen=True)
class Sources:
    """What is trained on, and what is only evaluated with; that may be held-out rows instead."""

    train: list[Source]
    evaluation: list[Source]


def sources_of(config: RunConfig, files: Files) -> Sources:
    """Every source that the settings name. Raises UserError when one of `files` is missing."""
    dataset = config.dataset
    if dataset.streaming:
        # Nobody can look at all rows beforehand: a bad one must not end the run hours later.
        skips = {"skip_unreadable": True, "drop_untrainable": True}
        skipping = config.filters.model_copy(update=skips)
        config = config.model_copy(update={"filters": skipping})
    match dataset.source:
        case DatasetSource.BUILTIN:
            built_in = builtin_dataset_files(dataset.builtin)
            format = BUILTIN_FORMATS[dataset.builtin]
            return Sources(
                train=[_plain(config, built_in["train"], format=format)],
                evaluation=[_plain(config, built_in["test"], format=format)],
            )
        case DatasetSource.UPLOAD:
            train = _uploaded(config, dataset.files, files, field="dataset.files")
            evaluation = _uploaded(
                config, config.evaluation.files, files, field="evaluation.files"
            )  # fmt: skip
            evaluation = [replace(source, is_named=True) for source in evaluation]
            if not train:
                raise UserError("Choose a file to train on.", field="dataset.files")
        case DatasetSource.HUB:
            train = [_split(config, dataset.split, field="dataset.split")]
            named = config.evaluation.split
            evaluation = [_split(config, named, field="evaluation.split")] if named else []
    mixed = [_mixed(config, other) for other in dataset.mix]
    return Sources(train=_told_apart([*train, *mixed]), evaluation=evaluation)


def fingerprint(path: Path) -> str:
    """The sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(config: RunConfig, path: Path, *, format: DatasetFormat) -> Source:
    return Source(
        name=config.dataset.builtin, content=path, field="dataset.builtin", format=format,
        columns=ColumnsSection(
            system=config.columns.system, developer=config.columns.developer
        ),
        filters=config.filters,
    )  # fmt: skip


def _uploaded(
    config: RunConfig, names: tuple[str, ...], files: Files, *, field: str
) -> list[Source]:
    for name in names:
        if name not in files:
            raise UserError(f"The file {name} is not there.", hint="Choose it again.", field=field)
    return _told_apart(
        [
            Source(
                name=name, content=files[name], field=field, format=config.dataset.format,
                columns=config.columns, filters=config.filters,
            )
            for name in names
        ]
    )  # fmt: skip


def _split(config: RunConfig, split: str, *, field: str) -> Source:
    dataset: DatasetSection = config.dataset
    name = dataset.name or ""
    return Source(
        name=name,
        content=HubSplit(name, dataset.subset, split, dataset.revision, split_field=field),
        field=field, format=dataset.format, columns=config.columns, filters=config.filters,
    )  # fmt: skip


def _mixed(config: RunConfig, other: Mixed) -> Source:
    """What a person says of the columns of the first dataset is not true of another's."""
    fields = {f"{part}_field": MIX_FIELD for part in ("name", "subset", "split", "revision")}
    return Source(
        name=other.name,
        content=HubSplit(other.name, other.subset, other.split, other.revision, **fields),
        field=MIX_FIELD, format=DatasetFormat.AUTO,
        columns=ColumnsSection(
            system=config.columns.system, developer=config.columns.developer
        ),
        filters=config.filters.model_copy(update={"drop_where": None, "drop_empty": None}),
        weight=other.weight,
    )  # fmt: skip


def _told_apart(sources: list[Source]) -> list[Source]:
    several = len(sources) > 1
    return [replace(source, is_named=several) for source in sources]
