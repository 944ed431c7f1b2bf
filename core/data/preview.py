"""What is asked of a preview and what it answers: rows as the model will see them."""

import resource
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.config.options import DatasetFormat
from core.config.run_config import RunConfig
from core.errors import HubAway, UserError
from core.estimate.forecast import Rows
from core.estimate.model_shape import ModelShape

# What a preview may take: a file that needs more can't be shown, and the page stays alive.
MEMORY_BYTES = 2 * 1024**3

Jump = Literal["longest", "shortest", "truncated", "random"]
RowsPart = Literal["training", "evaluation"]


class Piece(BaseModel):
    """Some text of a row: the tokens behind it, and what becomes of them."""

    text: str
    ids: list[int]
    trained: bool
    special: bool = False
    # Whether it lies beyond the max length.
    cut: bool = False


class Side(BaseModel):
    """One side of a row: "row", or "chosen" and "rejected"."""

    name: str
    tokens: int
    trained: int
    pieces: list[Piece]
    # Tokens that are too many to be shown.
    left_out: int = 0


class ShownRow(BaseModel):
    index: int
    place: str
    sides: list[Side]
    label: bool | None = None
    # What it is compared with, of a prompt that the model answers itself.
    answer: str = ""
    # What becomes of it, where it is not just trained on.
    use: str = ""


class Bar(BaseModel):
    """Rows with `low` to `high` tokens."""

    low: int
    high: int
    rows: int


class Statistics(BaseModel):
    """Of the rows looked at so far; `complete` when those are all.

    `read` counts also those that were formatted and no more.
    """

    rows: int = 0
    read: int = 0
    complete: bool = False
    tokens: int = 0
    trained: int = 0
    truncated: int = 0
    duplicates: int = 0
    empty_answers: int = 0
    nothing_learned: int = 0
    # How many rows each filter that is set has dropped, by its setting.
    dropped: dict[str, int] = {}
    skipped: int = 0
    shortest: int = 0
    longest: int = 0
    max_length: int = 0
    histogram: list[Bar] = []
    # What the tokens of all that was read take on the disk.
    token_bytes: int = 0
    # How many are trained on and how many are evaluated, once that is known: a row may count more
    # than once, or be held out.
    trained_rows: int | None = None
    evaluation_rows: int | None = None
    # How many different ones are trained on; and whether those to evaluate with are held out.
    used_rows: int | None = None
    holds_out: bool = False
    evaluation_complete: bool = False


class Fault(BaseModel):
    """What blocks the start: the same words as at Start."""

    message: str
    hint: str = ""
    field: str | None = None
    hub_is_away: bool = False

    @classmethod
    def of(cls, error: UserError) -> "Fault":
        return cls(
            message=error.message,
            hint=error.hint,
            field=error.field,
            hub_is_away=isinstance(error, HubAway),
        )

    def error(self) -> UserError:
        kind = HubAway if self.hub_is_away else UserError
        return kind(self.message, hint=self.hint, field=self.field)


class Question(BaseModel):
    """Which rows to show: `count` from `start`, or the one that `jump` names."""

    # Built with the first question: every command of the command line imports this module.
    model_config = ConfigDict(defer_build=True)

    config: RunConfig
    # The person's files, by the names that the settings give them.
    files: dict[str, Path] = {}
    home: Path
    start: int = 0
    count: int = 3
    part: RowsPart = "training"
    jump: Jump | None = None
    # How long to go on reading for the statistics.
    seconds: float = 0.5
    # Whether to tell the model's shape too.
    wants_shape: bool = False
    # Whether to format rows beyond those that statistics are made of, up to the last.
    to_the_end: bool = False

    def is_about_the_same(self, other: "Question | None") -> bool:
        return other is not None and (self.config, self.files) == (other.config, other.files)


class Preview(BaseModel):
    # Which look at the data it is of; another begins where other data was asked for meanwhile.
    look: int = 0
    format: DatasetFormat | None = None
    parts: dict[str, str] = {}
    why: str = ""
    sure: bool = True
    columns: list[str] = []
    # Those that are no part of a row.
    unused: list[str] = []
    # And those that say which rows are left out.
    deciding: list[str] = []
    # Of a dataset on the Hub: what it has, and the bytes that training on it downloads.
    subsets: list[str] = []
    splits: list[str] = []
    download: int = 0
    rows: list[ShownRow] = []
    statistics: Statistics = Statistics()
    warnings: list[str] = []
    fault: Fault | None = None
    # The sizes of the model, where they were asked for; else why they can't be told.
    shape: ModelShape | None = None
    shape_unknown: str = ""

    def known_rows(self) -> Rows | None:
        """What a forecast takes of the data; None before any row was read."""
        known = self.statistics
        if not known.rows:
            return None
        return Rows(
            training=known.trained_rows,
            evaluation=known.evaluation_rows or 0,
            mean=known.tokens / known.rows,
            longest=min(known.longest, known.max_length),
        )

    @property
    def ran_out_of_memory(self) -> bool:
        return self.fault is not None and self.fault.message == too_large("").message


def limit_memory() -> None:
    """Have this process fail, rather than the machine, where data needs too much memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


class OutOfMemory(UserError):
    """Data can't be looked at within the limit of memory."""


def too_large(field: str) -> OutOfMemory:
    return OutOfMemory(
        "Reading this data needs more memory than a preview may use.",
        hint="Look for a row that is many megabytes long, or a file that unpacks to far more than "
        "its size.",
        field=field,
    )
