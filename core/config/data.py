"""Where rows come from, what their columns are for, which are used, and which evaluate."""

from typing import Any, Literal

from pydantic import Field, model_validator

from core.config.builtin_names import BUILTIN_DATASET
from core.config.lines import Line, read_line
from core.config.options import DatasetFormat, DatasetSource
from core.config.setting import Column, FileName, Part, RepoId, Revision, Section, setting

# The built-in datasets are what they are.
NOT_BUILTIN = {"dataset.source": (DatasetSource.HUB, DatasetSource.UPLOAD)}
ON_HUB = {"dataset.source": (DatasetSource.HUB,)}
UPLOADED = {"dataset.source": (DatasetSource.UPLOAD,)}
MAX_FILES, MAX_MIXED = 64, 16
MIXED_PARTS = ("subset", "split", "revision", "weight")
# Named for a part, it says that no column is this part.
NOT_USED = "none"


def part(label: str, help: str, *, basic: bool = False) -> Any:
    """Declare one of the parts that a row is made of."""
    told = "A column or a {column} template. Leave empty to detect; `none` to omit."
    return setting(None, label=label, help=f"{help} {told}", basic=basic, shown_when=NOT_BUILTIN)


class Mixed(Line):
    """Another Hub dataset to train on.

    It can be written on one line: `owner/name subset=main split=train weight=0.5`.
    """

    name: RepoId
    subset: Column | None = None
    split: Column = "train"
    revision: Revision | None = None
    # How often each of its rows is used: 0.5 takes a random half of them, 2 takes each twice.
    weight: float = Field(1, gt=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        form = "owner/name, then subset=, split=, revision= or weight="
        return read_line(value, keys=MIXED_PARTS, form=form)


class DatasetSection(Section):
    source: DatasetSource = setting(
        DatasetSource.BUILTIN, label="Data source", basic=True,
        help="A built-in dataset, a dataset on the Hub, or your own files.",
    )  # fmt: skip
    builtin: Literal["facts_to_json", "facts_pairs", "facts_rated", "sums"] = setting(
        BUILTIN_DATASET, label="Built-in dataset", basic=True,
        help="Small datasets for a first run, for different methods. Facts to JSON teaches SFT to "
        "answer in one line of JSON.",
        shown_when={"dataset.source": (DatasetSource.BUILTIN,)},
    )  # fmt: skip
    name: RepoId | None = setting(
        None, label="Hub dataset", basic=True, help="The dataset's id, as owner/name.",
        shown_when=ON_HUB,
    )  # fmt: skip
    files: tuple[FileName, ...] = setting(
        (), label="Training files", basic=True, max_length=MAX_FILES,
        help="One example per row: csv, json, jsonl or parquet; or txt with one example per line.",
        shown_when=UPLOADED,
    )  # fmt: skip
    subset: Column | None = setting(
        None, label="Subset", basic=True,
        help="Also called configuration. If empty, the default or only one.",
        shown_when=ON_HUB,
    )  # fmt: skip
    split: Column = setting(
        "train", label="Training split", basic=True, help="The split to train on.",
        shown_when=ON_HUB,
    )  # fmt: skip
    revision: Revision | None = setting(
        None, label="Dataset revision",
        help="A branch, tag or commit. If empty, the latest commit.",
        shown_when=ON_HUB,
    )  # fmt: skip
    format: DatasetFormat = setting(
        DatasetFormat.AUTO, label="Dataset format", basic=True,
        help="`auto` detects it from the columns and the first rows; the preview shows the result.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    streaming: bool = setting(
        False, label="Stream the dataset",
        help="Read rows during training, for data larger than the disk. Requires maximum steps.",
        shown_when=ON_HUB,
    )  # fmt: skip
    mix: tuple[Mixed, ...] = setting(
        (), label="Additional datasets", max_length=MAX_MIXED,
        help="More Hub datasets, one per line: owner/name subset=main split=train weight=0.5.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip


class ColumnsSection(Section):
    """What each part of a row comes from: a column, or a template with {column} in it."""

    messages: Part | None = part("Messages", "The list of messages.")
    prompt: Part | None = part("Prompt", "The input to the model.", basic=True)
    completion: Part | None = part("Completion", "The answer to learn.", basic=True)
    reasoning: Part | None = part("Reasoning", "The reasoning before the answer.")
    text: Part | None = part("Text", "Plain text, trained on without a chat template.")
    chosen: Part | None = part("Chosen", "The preferred answer.")
    rejected: Part | None = part("Rejected", "The other answer.")
    label: Part | None = part("Label", "Whether the answer is good or bad.")
    answer: Part | None = part("Reference answer", "The correct answer, for rewards.")
    history: Part | None = part("History", "Earlier turns, put before the prompt.")
    tools: Part | None = part("Tools", "The tools that the model can call.")
    system: Part | None = part("System message", "Added to rows without one.", basic=True)
    developer: Part | None = part(
        "Developer message", "Likewise, for templates with a developer role."
    )


class FiltersSection(Section):
    skip_unreadable: bool = setting(
        False, label="Skip rows that can't be read",
        help="Skip and count broken rows and rows that don't fit the format.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_where: Column | None = setting(
        None, label="Drop rows where this is true",
        help="A column name. Rows with true, yes or 1 in it are dropped.", shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_empty: Column | None = setting(
        None, label="Drop rows where this is empty",
        help="A column name. Rows with nothing in it are dropped.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    drop_duplicates: bool = setting(
        False, label="Drop duplicates", help="Use only the first of several identical rows."
    )
    min_length: int | None = setting(
        None, label="Minimum row length", ge=1, le=1_048_576,
        help="Drop rows with fewer tokens. If empty, no limit.",
    )  # fmt: skip
    max_length: int | None = setting(
        None, label="Maximum row length", ge=1, le=1_048_576,
        help="Drop rows with more tokens instead of truncating them. If empty, no limit.",
    )  # fmt: skip
    sample: int | None = setting(
        None, label="Sample size", ge=1, le=1_000_000_000,
        help="Train on this many rows, chosen at random. If empty, all rows.",
    )  # fmt: skip
    drop_untrainable: bool = setting(
        False, label="Drop rows with nothing to learn",
        help="Otherwise, a row whose answer is truncated entirely prevents the run from starting.",
    )  # fmt: skip


class EvaluationSection(Section):
    split: Column | None = setting(
        None, label="Validation split",
        help="Never trained on. If empty, rows are held out from the training split.",
        shown_when=ON_HUB,
    )  # fmt: skip
    files: tuple[FileName, ...] = setting(
        (), label="Validation files", max_length=MAX_FILES,
        help="Never trained on. If empty, rows are held out from the training files.",
        shown_when=UPLOADED,
    )  # fmt: skip
    fraction: float = setting(
        0.1, label="Validation fraction", ge=0, lt=1,
        help="Fraction of rows held out when no validation split or files are given. 0 for none.",
        shown_when=NOT_BUILTIN,
    )  # fmt: skip
    eval_steps: int = setting(
        20, label="Eval steps", ge=1, le=1_000_000,
        help="Evaluate every this many steps.",
    )  # fmt: skip
    max_eval_samples: int = setting(
        200, label="Maximum validation rows", ge=1, le=1_000_000,
        help="Evaluate on at most this many rows, so that evaluation stays fast.",
    )  # fmt: skip
