"""Rows of a dataset on the Hub: whole for training, or as they come for a look at them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.data.files import Row
from core.data.sections import DatasetSection
from core.errors import UserError
from core.hub import hub_errors

if TYPE_CHECKING:
    from datasets import Dataset


def load_hub_split(dataset: DatasetSection, *, split: str, field: str) -> "Dataset":
    """A split of a Hub dataset, downloaded where it is not in the cache.

    Raises UserError at `field` when there is no such split.
    """
    import datasets

    with _dataset_errors(dataset, split=split, field=field):
        return datasets.load_dataset(
            dataset.name, name=dataset.subset, split=split, revision=dataset.revision
        )


def stream_hub_split(dataset: DatasetSection, *, split: str, field: str) -> Iterator[Row]:
    """The rows of a split as they come, without downloading it whole.

    Raises UserError at `field` when there is no such split, or it has no rows.
    """
    import datasets

    number = 0
    with _dataset_errors(dataset, split=split, field=field):
        rows = datasets.load_dataset(
            dataset.name, name=dataset.subset, split=split, revision=dataset.revision,
            streaming=True,
        )  # fmt: skip
        for number, values in enumerate(rows, start=1):
            yield Row(f"row {number} of {split}", values)
    if number == 0:
        raise UserError(f"The split {split!r} of {dataset.name} has no rows.", field=field)


@contextmanager
def _dataset_errors(dataset: DatasetSection, *, split: str, field: str) -> Iterator[None]:
    """Turn the errors of datasets into messages at their field."""
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

    with hub_errors(f"the dataset {dataset.name}", field="dataset.name"):
        try:
            yield
        except DatasetNotFoundError as error:
            if "gated" in str(error):
                raise UserError(
                    f"You don't have access to {dataset.name} yet: it is gated.",
                    hint="Accept its terms on its page on the Hub, with your token's account.",
                    field="dataset.name",
                ) from error
            raise UserError(
                f"The Hub does not know the dataset {dataset.name}, or your token may not see it.",
                hint="Check the spelling, as owner/name.",
                field="dataset.name",
            ) from error
        except DatasetGenerationError as error:
            raise UserError(
                f"The files of {dataset.name} can't be read: {error.__cause__ or error}",
                hint="Look at the dataset's page on the Hub: its viewer shows the same fault.",
                field="dataset.name",
            ) from error
        except RuntimeError as error:
            if "scripts are no longer supported" not in str(error):
                raise
            raise UserError(
                f"{dataset.name} is made by a script of its own, and SmolFactory runs none.",
                hint="Look for a copy of it with parquet files.",
                field="dataset.name",
            ) from error
        except ValueError as error:
            raise _refusal(error, dataset=dataset, split=split, field=field) from error


def _refusal(error: ValueError, *, dataset: DatasetSection, split: str, field: str) -> UserError:
    """datasets tells of a missing split or subset only in the words of a ValueError."""
    text = str(error)
    if "Unknown split" in text or "Bad split" in text:
        known = text.rpartition("hould be one of")[2].strip() or text.rpartition(":")[2].strip()
        return UserError(
            f"{dataset.name} has no split {split!r}.", hint=f"It has: {known}", field=field
        )
    if "Config name is missing" in text or "BuilderConfig" in text:
        return UserError(
            f"{dataset.name} has no subset {dataset.subset!r}."
            if dataset.subset
            else f"{dataset.name} has several subsets: name one.",
            hint=text.partition("\n")[0][:300],
            field="dataset.subset",
        )
    return UserError(
        f"{dataset.name} can't be loaded: {text.partition(chr(10))[0][:300]}",
        field="dataset.name",
    )
