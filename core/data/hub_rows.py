"""Rows of a dataset on the Hub: whole for training, or as they come."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from huggingface_hub import DatasetInfo

from core.config.resolved import Choice
from core.data.row import Row
from core.data.sources import HubSplit
from core.errors import HubUnreachable, UserError
from core.hub.errors import hub_errors
from core.hub.lookups import dataset_info
from core.settings import token_of_this_process

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class HubContents:
    """The subsets of a dataset, and of the chosen one the splits and the bytes of all files."""

    subsets: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    size: int = 0


def load_hub_split(wanted: HubSplit) -> "Dataset":
    """A split of a Hub dataset, downloaded where it is not in the cache.

    Raises UserError when there is no such split.
    """
    import datasets

    with _dataset_errors(wanted):
        return datasets.load_dataset(
            wanted.name, name=wanted.subset, split=wanted.split, revision=wanted.revision
        )


def stream_hub_split(wanted: HubSplit) -> Iterator[Row]:
    """The rows of a split as they come, without downloading it whole.

    Raises UserError when there is no such split, or it has no rows.
    """
    import datasets

    number = 0
    with _dataset_errors(wanted):
        rows = datasets.load_dataset(
            wanted.name, name=wanted.subset, split=wanted.split, revision=wanted.revision,
            streaming=True,
        )  # fmt: skip
        for number, values in enumerate(rows, start=1):
            yield Row(f"row {number}", values)
    if number == 0:
        raise UserError(
            f"The split {wanted.split!r} of {wanted.name} has no rows.", field=wanted.split_field
        )


def contents(wanted: HubSplit, *, sizes: dict[str, int]) -> HubContents:
    """What the repository holds, of which nothing is downloaded but its card.

    `sizes` are the bytes of each of its files. Raises UserError when it can't be told.
    """
    import datasets

    with _dataset_errors(wanted):
        subsets = datasets.get_dataset_config_names(wanted.name, revision=wanted.revision)
        if wanted.subset is None and len(subsets) > 1 and "default" not in subsets:
            return HubContents(subsets=subsets)
        if wanted.subset is not None and wanted.subset not in subsets:
            return HubContents(subsets=subsets)
        builder = datasets.load_dataset_builder(
            wanted.name, name=wanted.subset, revision=wanted.revision
        )
    files: Any = builder.config.data_files or {}
    # Of the form hf://datasets/owner/name@revision/path.
    paths = [str(path).partition("@")[2].partition("/")[2] for of in files.values() for path in of]
    return HubContents(
        subsets=subsets,
        splits=[str(split) for split in files],
        size=sum(sizes.get(path, 0) for path in paths),
    )


def pin_split(wanted: HubSplit, *, before: object) -> tuple[HubSplit, Choice]:
    """The split at the commit that it had `before`, or else has now, so that a run can be repeated.

    Raises UserError when the Hub has no such dataset.
    """
    if before is not None:
        return (
            replace(wanted, revision=str(before)),
            Choice(value=str(before), why="as when this run began"),
        )
    named = wanted.revision or "main"
    try:
        sha = info_of(wanted).sha
    except HubUnreachable:
        return wanted, Choice(value=named, why="the Hub was out of reach")
    return (
        replace(wanted, revision=sha),
        Choice(value=str(sha), why=f"the newest commit of {named}"),
    )


def info_of(wanted: HubSplit) -> DatasetInfo:
    """What the Hub says of the dataset, at once: datasets itself tries for a minute.

    Raises UserError when it is not to be had.
    """
    return dataset_info(
        wanted.name, revision=wanted.revision, token=token_of_this_process(),
        field=wanted.name_field, revision_field=wanted.revision_field,
    )  # fmt: skip


@contextmanager
def _dataset_errors(wanted: HubSplit) -> Iterator[None]:
    """Turn the errors of datasets into messages at their field."""
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

    name = wanted.name
    with hub_errors(f"the dataset {name}", field=wanted.name_field, is_transfer=True):
        try:
            yield
        except DatasetNotFoundError as error:
            if "gated" in str(error):
                raise UserError(
                    f"You don't have access to {name} yet: it is gated.",
                    hint="Accept its terms on its Hub page, with the account of your token.",
                    field=wanted.name_field,
                ) from error
            raise UserError(
                f"The Hub can't find the dataset {name}, or your token has no access to it.",
                hint="Check the spelling: it is owner/name.",
                field=wanted.name_field,
            ) from error
        except DatasetGenerationError as error:
            raise UserError(
                f"The files of {name} can't be read: {error.__cause__ or error}",
                hint="Check the viewer on the dataset's Hub page: it should show the same error.",
                field=wanted.name_field,
            ) from error
        except RuntimeError as error:
            if "scripts are no longer supported" not in str(error):
                raise
            raise UserError(
                f"{name} is made by a script of its own, and SmolFactory does not run scripts.",
                hint="Look for a copy of it with parquet files.",
                field=wanted.name_field,
            ) from error
        except ValueError as error:
            raise _refusal(error, wanted) from error


def _refusal(error: ValueError, wanted: HubSplit) -> UserError:
    """datasets tells of a missing split or subset only in the words of a ValueError."""
    text = str(error)
    if "Unknown split" in text or "Bad split" in text:
        known = text.rpartition("hould be one of")[2].strip() or text.rpartition(":")[2].strip()
        return UserError(
            f"{wanted.name} has no split {wanted.split!r}.", hint=f"It has: {known}",
            field=wanted.split_field,
        )  # fmt: skip
    if "Config name is missing" in text or "BuilderConfig" in text:
        return UserError(
            f"{wanted.name} has no subset {wanted.subset!r}."
            if wanted.subset
            else f"{wanted.name} has several subsets: choose one.",
            hint=text.partition("\n")[0][:300],
            field=wanted.subset_field,
        )
    return UserError(
        f"{wanted.name} can't be loaded: {text.partition(chr(10))[0][:300]}",
        field=wanted.name_field,
    )
