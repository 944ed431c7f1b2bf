"""Events: what happened in a run, one fact a line, in the order in which it happened.

At any time one process appends: the supervisor, or the trainer or the push that it waits for.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from core.config.options import Weights
from core.config.resolved import Choice
from core.errors import UserError
from core.machine.atomic import write_whole
from core.runs.causes import FailureCause, cause_of
from core.runs.state import RunState

# A long run's events would fill the memory if they were read at once.
CHUNK_BYTES = 4 * 1024 * 1024


class Fact(BaseModel):
    seq: int = 0
    time: datetime = datetime.min


class StateChanged(Fact):
    kind: Literal["state"] = "state"
    state: RunState
    note: str = ""


class Progress(Fact):
    """Where training is. Times are in seconds.

    `tokens` and `seconds` are what it took to come here, before the run went on included.
    """

    kind: Literal["progress"] = "progress"
    step: int
    total: int
    epoch: float
    tokens: int
    tokens_per_second: float
    seconds: float
    eta: float | None


class Metric(Fact):
    """Numbers at a step, by TRL's names. A number that is not finite is None."""

    kind: Literal["metric"] = "metric"
    step: int
    values: dict[str, float | None]


class Evaluation(Fact):
    kind: Literal["evaluation"] = "evaluation"
    step: int
    values: dict[str, float | None]


class CheckpointSaved(Fact):
    kind: Literal["checkpoint"] = "checkpoint"
    step: int


class Resumed(Fact):
    """Training goes on from this step: what was measured after it is measured again."""

    kind: Literal["resumed"] = "resumed"
    step: int


class Resolved(Fact):
    """What was left open, what it became, and why."""

    kind: Literal["resolved"] = "resolved"
    choices: dict[str, Choice]


class Sample(Fact):
    """What the model answers to a prompt that it did not train on, greedily.

    `base_answer` is that of its base, None where all weights were trained; `reference` is the
    answer in the data.
    """

    kind: Literal["sample"] = "sample"
    step: int
    prompt: str
    answer: str
    base_answer: str | None
    reference: str


class ScoredAnswer(BaseModel):
    """An answer of the model in training, and what each reward gives it."""

    answer: str
    rewards: dict[str, float | None]
    # How much better it is than the others, which is what is learned from.
    advantage: float


class Scored(Fact):
    """Some of the answers to one prompt that the model has just learned from."""

    kind: Literal["scored"] = "scored"
    step: int
    prompt: str
    answers: list[ScoredAnswer]


class Warned(Fact):
    """`cause` is what other settings may help against, where that is known."""

    kind: Literal["warning"] = "warning"
    text: str
    cause: FailureCause | None = None


class ModelSaved(Fact):
    """The run's model is whole: what comes after it in the training is only told of it."""

    kind: Literal["model_saved"] = "model_saved"
    step: int


class BestModel(Fact):
    """The model that is saved is the best that was evaluated, and not the last.

    `values` are those of its evaluation; `stopped_early` says that the training ended by itself,
    as none better had come for a while.
    """

    kind: Literal["best_model"] = "best_model"
    step: int
    values: dict[str, float | None]
    last_step: int
    stopped_early: bool

    @property
    def note(self) -> str:
        """For a person, in a line."""
        early = f"Stopped early at step {self.last_step:,}. " if self.stopped_early else ""
        loss = self.values.get("eval_loss")
        told = "" if loss is None else f", with the lowest evaluation loss ({loss:.4g})"
        return f"{early}The model is that of step {self.step:,}{told}."


class Cause(BaseModel):
    """Why a run or its push failed, for a person; `field` is the setting at fault, if one is.

    What other settings can do about it follows from these facts: core/jobs/fixes.py.
    """

    cause: FailureCause
    explanation: str
    remedies: list[str] = []
    field: str | None = None

    @classmethod
    def of(cls, error: UserError) -> Self:
        return cls(
            cause=cause_of(error),
            explanation=error.message,
            remedies=[error.hint] if error.hint else [],
            field=error.field,
        )


class Failure(Fact, Cause):
    kind: Literal["failure"] = "failure"


class PushFailed(Fact, Cause):
    """The model is safe here, and the push is still owed."""

    kind: Literal["push_failed"] = "push_failed"


class PushProgress(Fact):
    kind: Literal["push_progress"] = "push_progress"
    note: str


class ReplaceAllowed(Fact):
    """A person let the push replace what a repository has at a commit, and nothing newer."""

    kind: Literal["replace_allowed"] = "replace_allowed"
    repo: str
    commit: str


class Pushed(Fact):
    """The Hub holds, byte for byte, what is here: in the repository, or proposed to it."""

    kind: Literal["pushed"] = "pushed"
    repo: str
    url: str
    # None where nothing was left to commit, or the answer was lost.
    commit: str | None
    files: int
    size: int
    private: bool
    pull_request: bool = False
    weights: Weights = Weights.ADAPTER
    # The commit with what others had put there, which was replaced as a person had said.
    replaced: str | None = None


class Tracked(Fact):
    """The run's measurements and settings lie on the Hub, beside those of other runs.

    `dashboard` is the address of the Trackio Space that draws them, if one was asked for.
    """

    kind: Literal["tracked"] = "tracked"
    repo: str
    url: str
    dashboard: str | None = None


Event = (
    StateChanged | Progress | Metric | Evaluation | CheckpointSaved | Resumed | Resolved | Sample
    | ModelSaved | BestModel | Warned | Failure | PushFailed | PushProgress | ReplaceAllowed
    | Pushed | Tracked | Scored
)  # fmt: skip
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class EventWriter:
    """Appends events to a run. A line that a killed writer or a full disk left torn is ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seq = _last_seq(path)

    def write(self, event: Event) -> None:
        """Raises OSError when the disk is full; a later event is whole again."""
        stamped = event.model_copy(update={"seq": self._seq + 1, "time": datetime.now(UTC)})
        line = stamped.model_dump_json().encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            write_whole(descriptor, b"\n" + line if _is_torn(descriptor) else line)
        finally:
            os.close(descriptor)
        self._seq += 1


def read_events(path: Path, *, offset: int) -> tuple[list[Event], int]:
    """The next events after `offset` bytes, and the offset to read from next.

    At the end the offset stays. Only whole lines count; a torn tail waits. Kinds that this version
    doesn't know are passed over, and so is a line that is longer than any that a writer makes.
    """
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(CHUNK_BYTES)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) == CHUNK_BYTES:
        return [], offset + CHUNK_BYTES
    return list(_parse(data[:whole])), offset + whole


def _parse(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            yield _EVENT.validate_json(line)
        except ValidationError:
            # A newer version's kind of event, or a line that a crash tore.
            continue


def _is_torn(descriptor: int) -> bool:
    """Whether a file ends within a line."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _last_seq(path: Path) -> int:
    """The last sequence number in the file, 0 when there is none."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65536))
        tail = file.read()
    return max((event.seq for event in _parse(tail)), default=0)
