"""The states of a run, and what a person asks of it."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.machine.processes import ProcessIdentity


class RunState(StrEnum):
    QUEUED = "queued"
    PREPARING = "preparing"
    TRAINING = "training"
    SAVING = "saving"
    PUSHING = "pushing"
    DONE = "done"
    STOPPED = "stopped"
    CANCELED = "canceled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    TRAINED = "trained"

    @property
    def live(self) -> bool:
        return self in LIVE

    @property
    def resumable(self) -> bool:
        return self in (RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED)


LIVE = frozenset({
    RunState.QUEUED, RunState.PREPARING, RunState.TRAINING, RunState.SAVING, RunState.PUSHING,
})  # fmt: skip


class Wish(StrEnum):
    """What a person asks of a live run."""

    STOP = "stop"
    CANCEL = "cancel"


class RunStatus(BaseModel):
    """The newest state of a run, small enough for lists."""

    model_config = ConfigDict(extra="ignore")

    id: str
    name: str
    base_model: str
    dataset: str
    state: RunState
    created: datetime
    updated: datetime
    step: int = 0
    total: int = 0
    loss: float | None = None
    # One line on why it ended as it did, or what it waits for.
    note: str = ""
    trainer: ProcessIdentity | None = None
    pushed_to: str | None = None


class UnreadableRun(BaseModel):
    """A run whose status can't be read. `note` says why, and what to do."""

    id: str
    state: Literal["unreadable"] = "unreadable"
    note: str


class Request(BaseModel):
    wish: Wish


class TrainerExit(IntEnum):
    """The exit codes by which a trainer says how it ended; any other is a crash."""

    FINISHED = 0
    # A person has something to put right, and the events say what.
    NEEDS_A_PERSON = 3
    # Asked to, with everything saved.
    STOPPED = 4
    # Told to by the machine, with a checkpoint saved.
    WENT_DOWN = 5
