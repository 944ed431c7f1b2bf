"""Rows of a dataset on the Hub. As a program it checks one: python -m core.data.hub_rows < JSON

The check runs as a process of its own, so that the page never loads what it needs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from core.data.files import Row
from core.data.formats import find_shape, to_example
from core.environment import allowed_environment
from core.errors import HubUnreachable, UserError
from core.hub import hub_errors
from core.options import DatasetShape
from core.sections import DatasetSection

if TYPE_CHECKING:
    from datasets import Dataset

CHECK_SECONDS = 180


class Question(BaseModel):
    dataset: DatasetSection
    evaluation_split: str | None


class Answer(BaseModel):
    """The shape of the rows, or else what is wrong, where, and what to do."""

    shape: DatasetShape | None = None
    message: str = ""
    hint: str = ""
    field: str | None = None


def check_hub_rows(
    dataset: DatasetSection, *, evaluation_split: str | None, token: SecretStr | None
) -> DatasetShape:
    """Read the first row of each split that the settings name, in a process of its own.

    Returns the shape of the rows. Raises UserError at the setting that names what is not there.
    """
    question = Question(dataset=dataset, evaluation_split=evaluation_split)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "core.data.hub_rows"],
            input=question.model_dump_json().encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent.parent,
            env=allowed_environment(token=token),
            timeout=CHECK_SECONDS,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise HubUnreachable(
            f"The rows of {dataset.name} could not be read in {CHECK_SECONDS // 60} minutes.",
            hint="Try again, or download the file and upload it here.",
            field="dataset.name",
        ) from error
    answer = Answer.model_validate_json(done.stdout)
    if answer.shape is None:
        raise UserError(answer.message, hint=answer.hint, field=answer.field)
    return answer.shape


def load_hub_split(dataset: DatasetSection, *, split: str, field: str) -> "Dataset":
    """A split of a Hub dataset, downloaded where it is not in the cache.

    Raises UserError at `field` when there is no such split.
    """
    import datasets

    with _dataset_errors(dataset, split=split, field=field):
        return datasets.load_dataset(
            dataset.name, name=dataset.subset, split=split, revision=dataset.revision
        )


def _check(question: Question) -> DatasetShape:
    import datasets

    dataset = question.dataset
    splits = {"dataset.split": dataset.split}
    if question.evaluation_split is not None:
        splits["evaluation.split"] = question.evaluation_split
    shapes = []
    for field, split in splits.items():
        with _dataset_errors(dataset, split=split, field=field):
            rows = datasets.load_dataset(
                dataset.name, name=dataset.subset, split=split, revision=dataset.revision,
                streaming=True,
            )  # fmt: skip
            first = next(iter(rows), None)
        if first is None:
            raise UserError(
                f"The split {split!r} of {dataset.name} has no rows.", field=field
            )  # fmt: skip
        shapes.append(find_shape(dataset, first.keys()))
        to_example(Row(f"the first row of {split}", first), dataset=dataset, shape=shapes[-1])
    return shapes[0]


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


def main() -> None:
    question = Question.model_validate_json(sys.stdin.buffer.read())
    try:
        answer = Answer(shape=_check(question))
    except UserError as error:
        answer = Answer(message=error.message, hint=error.hint, field=error.field)
    _tell(answer.model_dump(mode="json"))


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
