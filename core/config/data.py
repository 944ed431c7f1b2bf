"""The settings of the data: where rows come from, what their columns are for, which rows count."""

import shlex
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from core.config.builtin_names import BUILTIN_DATASET
from core.config.options import DatasetFormat, DatasetSource
from core.config.setting import Column, FileName, Part, RepoId, Revision, Section, setting

# The built-in datasets are what they are.
NOT_BUILTIN = {"dataset.source": (DatasetSource.HUB, DatasetSource.UPLOAD)}
ON_HUB = {"dataset.source": (DatasetSource.HUB,)}
UPLOADED = {"dataset.source": (DatasetSource.UPLOAD,)}
MAX_FILES, MAX_MIXED = 64, 16
MIXED_PARTS = ("subset", "split", "revision", "weight")


def part(label: str, help: str, *, basic: bool = False) -> Any:
    """Declare what a part of each row is made of."""
    told = "A column, or text with {column} in it; empty: found by itself."
    return setting(None, label=label, help=f"{help} {told}", basic=basic, shown_when=NOT_BUILTIN)


class Mixed(Section):
    """Another dataset of the Hub that is trained on as well.

    It may be written as one line: `owner/name subset=main split=train weight=0.5`.
    """

    name: RepoId
    subset: Column | None = None
    split: Column = "train"
    revision: Revision | None = None
    # How often each of its rows counts: 0.5 takes half of them by chance, 2 takes each twice.
    weight: float = Field(1, gt=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            name, *named = shlex.split(value) or [""]
        except ValueError as error:
            raise PydanticCustomError("mixed", "A quote in this line is never closed") from error
        values = {"name": name}
        for part in named:
            key, _, given = part.partition("=")
            if key not in MIXED_PARTS or not given or key in values:
                told = (
                    "Write owner/name, then once each at most subset=, split=, revision=, weight="
                )
                raise PydanticCustomError("mixed", f"{told}; {part!r} is none of them")
            values[key] = given
        return values


class DatasetSection(Section):
    source: DatasetSource = setting(
        DatasetSource.BUILTIN, label="Where the data is", basic=True,
        help="A dataset that comes with SmolFactory, one on the Hub, or a file of yours.",
    )  # fmt: skip
    builtin: Literal["facts_to_json", "facts_pairs", "facts_rated", "sums"] = setting(
        BUILTIN_DATASET, label="Built-in dataset", basic=True,
        help="Small and of our own making; the first teaches to answer in one line of JSON.",
        shown_when={"dataset.source": (DatasetSource.BUILTIN,)},
    )  # fmt: skip
    name: RepoId | None = setting(
        None, label="Hub dataset", basic=True, help="The dataset's id on the Hub, as owner/name.",
        shown_when=ON_HUB,
    )  # fmt: skip
    files: tuple[FileName, ...] = setting(
        (), label="Your files", basic=True, max_length=MAX_FILES,
        help="One row an example: csv, json, jsonl, parquet, or txt with one example a line.",
        shown_when=UPLOADED,
    )  # fmt: skip
    subset: Column | None = setting(
        None, label="Subset", basic=True,
        help="The dataset's configuration on the Hub. Empty takes the only or the default one.",
        shown_when=ON_HUB,
    )  # fmt: skip
    split: Column = setting(
        "train", label="Training split", basic=True, help="The split to train on.",
        shown_when=ON_HUB,
    )  # fmt: skip
    revision: Revision | None = setting(
        None, label="Dataset revision",
        help="A branch, tag or commit of the dataset. Empty takes the newest.",
        shown_when=ON_HUB,
    )  # fmt: skip
    format: DatasetFormat = setting(
        DatasetFormat.AUTO, label="Format of a row", basic=True,
        help="auto tells by the columns and the first rows; the preview says what it took.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    streaming: bool = setting(
        False, label="Read as it comes",
        help="For data larger than the disk: rows are read while training, which needs max steps.",
        shown_when=ON_HUB,
    )  # fmt: skip
    mix: tuple[Mixed, ...] = setting(
        (), label="Mix in", max_length=MAX_MIXED,
        help="More datasets of the Hub, one a line: owner/name subset=main split=train weight=0.5.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip


class ColumnsSection(Section):
    """What each part of a row is made of: a column, or a text with {column} in it."""

    messages: Part | None = part("Messages", "The column with the list of messages.")
    prompt: Part | None = part("Prompt", "What the model is asked.", basic=True)
    completion: Part | None = part("Answer", "What the model should answer.", basic=True)
    reasoning: Part | None = part("Reasoning", "What the model should think before it answers.")
    text: Part | None = part("Text", "Plain text to learn, without a chat template.")
    chosen: Part | None = part("Better answer", "The better of two answers.")
    rejected: Part | None = part("Worse answer", "The worse of two answers.")
    label: Part | None = part("Rating", "The column that says whether the answer is good.")
    answer: Part | None = part("Reference answer", "What is right, for rewards that compare.")
    tools: Part | None = part("Tools", "The column with the tools that the model may call.")
    system: Part | None = part("System message", "Added to rows that have none.", basic=True)
    developer: Part | None = part(
        "Developer message", "The same for templates with a developer's part."
    )


class FiltersSection(Section):
    skip_unreadable: bool = setting(
        False, label="Skip rows that can't be read",
        help="Rows that are broken or can't be brought into the format; they are counted.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_where: Column | None = setting(
        None, label="Drop rows where this is true",
        help="A column; a row goes where it says true, yes or 1.", shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_empty: Column | None = setting(
        None, label="Drop rows where this is empty", help="A column; a row goes where it is empty.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_duplicates: bool = setting(
        False, label="Drop duplicates", help="Keep only the first of rows that are exactly alike."
    )
    min_length: int | None = setting(
        None, label="Shortest row", ge=1, le=1_048_576,
        help="Drop rows with fewer tokens. Empty: no such limit.",
    )  # fmt: skip
    max_length: int | None = setting(
        None, label="Longest row", ge=1, le=1_048_576,
        help="Drop rows with more tokens, rather than cut them off. Empty: no such limit.",
    )  # fmt: skip
    sample: int | None = setting(
        None, label="Sample", ge=1, le=1_000_000_000,
        help="Take so many rows by chance, with the run's seed. Empty takes all.",
    )  # fmt: skip
    drop_untrainable: bool = setting(
        False, label="Drop rows with nothing to learn",
        help="Without this, a row whose answer is cut off entirely stops the run before it starts.",
    )  # fmt: skip


class EvaluationSection(Section):
    split: Column | None = setting(
        None, label="Evaluation split",
        help="A split that is never trained on. Empty: held-out rows of the training split.",
        shown_when=ON_HUB,
    )  # fmt: skip
    files: tuple[FileName, ...] = setting(
        (), label="Files to evaluate with", max_length=MAX_FILES,
        help="Never trained on. Empty: held-out rows of the other files.", shown_when=UPLOADED,
    )  # fmt: skip
    fraction: float = setting(
        0.1, label="Held-out share", ge=0, lt=1,
        help="Share of the rows kept from training where nothing else is named above; 0 for none.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    eval_steps: int = setting(
        20, label="Evaluate every", ge=1, le=1_000_000,
        help="Steps from one look at the evaluation loss to the next.",
    )  # fmt: skip
    max_eval_samples: int = setting(
        200, label="Evaluation rows", ge=1, le=1_000_000,
        help="At most so many rows are evaluated, so that a look stays quick.",
    )  # fmt: skip
