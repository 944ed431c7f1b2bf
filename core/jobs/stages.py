"""The stages of a run: each a module that runs as a child, and what it means when that fails.

Training comes first. A stage that fails after it never costs the model: those that need the failed
one are left out, and the others go on. A new stage is a class here, its name and where it is owed
in plan.py, and its module.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import SecretStr

from core.config.options import Tracking
from core.hub.lookups import needs_token
from core.jobs.child_process import Ended
from core.jobs.diagnosis import explain_end
from core.jobs.plan import StageName
from core.jobs.record import CALLED_OFF, CANCELED, RunRecord, canceled
from core.machine.environment import allowed_environment
from core.runs.causes import FailureCause
from core.runs.checkpoints import newest_checkpoint
from core.runs.events import Cause, Failure, PushFailed, PushProgress, Warned
from core.runs.state import RunState, TrainerExit, Wish
from core.runs.store import Run

# It saved and ended, or was told to end before it knew how to save: SIGTERM.
WENT_DOWN = (TrainerExit.WENT_DOWN, -15)
# Retries of the Hub's client obey Retry-After without a bound, so this one is ours.
PUSH_SECONDS = 6 * 60 * 60
# A few hundred kilobytes, and nobody's push should wait long for them.
TRACKING_SECONDS = 10 * 60


STUCK = Cause(
    cause=FailureCause.STUCK,
    explanation="The trainer was asked to stop, took no step for too long, and was ended.",
    remedies=[
        "Resume: training goes on from the newest whole checkpoint.",
        "If it hangs at the same step again, see the log.",
    ],
)


class Stage(ABC):
    """What runs, for how long at most, and what is written down as it begins and fails."""

    name: ClassVar[StageName]
    module: ClassVar[str]
    limit: ClassVar[float | None] = None
    # Whether a stop or a cancel ends it: once the model is whole, it is too late.
    is_asked: ClassVar[bool] = False
    # Where one of these has failed, this one is left out.
    needs: ClassVar[frozenset[StageName]] = frozenset({StageName.TRAIN})

    def environment(self, _: Run, *, token: SecretStr | None) -> dict[str, str]:
        return allowed_environment(token=token)

    def is_done(self, _: RunRecord) -> bool:
        """Whether there is nothing left of it to do."""
        return False

    @abstractmethod
    def begin(self, record: RunRecord) -> None: ...

    @abstractmethod
    def fail(self, record: RunRecord, ended: Ended) -> None: ...


class Train(Stage):
    name = StageName.TRAIN
    module = "core.train"
    is_asked = True
    needs = frozenset()

    def environment(self, run: Run, *, token: SecretStr | None) -> dict[str, str]:
        return _environment_of_models(run, token=token)

    def begin(self, record: RunRecord) -> None:
        record.enter(RunState.PREPARING)

    def fail(self, record: RunRecord, ended: Ended) -> None:
        """What the run ends as: it may have been asked to, or told to by the machine."""
        record.history.follow()
        progress = record.history.progress
        if ended.code == TrainerExit.STOPPED:
            step = progress.step if progress else 0
            note = f"Stopped and saved at step {step}. {record.history.best_note}"
            record.enter(RunState.STOPPED, note.strip())
        elif record.run.wish() is Wish.CANCEL:
            record.enter(RunState.CANCELED, canceled(record.run, CANCELED))
        elif ended.was_called_off:
            saved = newest_checkpoint(record.run.paths.checkpoints)
            if saved is None:
                record.enter(RunState.CANCELED, canceled(record.run, CALLED_OFF))
            else:
                record.enter(RunState.STOPPED, f"Stopped before it went on from step {saved.step}.")
        elif ended.was_told_to_end or ended.code in WENT_DOWN:
            record.enter(RunState.INTERRUPTED, "The machine went down. Resume when it is back.")
        else:
            self._explain(record, ended)
            failure = record.history.failure
            record.enter(RunState.FAILED, failure.explanation if failure else "")

    def _explain(self, record: RunRecord, ended: Ended) -> None:
        if record.history.failure is not None:
            # The trainer itself has.
            return
        if ended.was_stuck:
            record.write(Failure(**STUCK.model_dump()))
            return
        cause = explain_end(
            ended.code,
            was_out_of_memory=ended.was_out_of_memory,
            log=ended.log,
            run=record.run,
        )
        record.write(Failure(**cause.model_dump()))


class Track(Stage):
    name = StageName.TRACK
    module = "core.publish.tracking"
    limit = TRACKING_SECONDS

    def is_done(self, record: RunRecord) -> bool:
        asked, tracked = record.run.config().output.tracking, record.history.tracked
        return tracked is not None and (asked is Tracking.DATASET or tracked.dashboard is not None)

    def begin(self, record: RunRecord) -> None:
        # The model is whole by now, so it is too late to cancel.
        record.enter(RunState.PUSHING, "Sending the curves to the Hub…")

    def fail(self, record: RunRecord, ended: Ended) -> None:
        text = f"The curves are not on the Hub: sending them ended early ({ended})."
        record.write(Warned(text=text))


class Merge(Stage):
    name = StageName.MERGE
    module = "core.train.export.merge"
    limit = PUSH_SECONDS

    def environment(self, run: Run, *, token: SecretStr | None) -> dict[str, str]:
        return _environment_of_models(run, token=token)

    def begin(self, record: RunRecord) -> None:
        record.enter(RunState.PUSHING)
        record.write(PushProgress(note="Merging the adapter into its base…"))

    def fail(self, record: RunRecord, ended: Ended) -> None:
        _explain_push(record, ended)


class Push(Stage):
    name = StageName.PUSH
    module = "core.publish.push"
    limit = PUSH_SECONDS
    needs = frozenset({StageName.TRAIN, StageName.MERGE})

    def begin(self, record: RunRecord) -> None:
        record.enter(RunState.PUSHING)

    def fail(self, record: RunRecord, ended: Ended) -> None:
        _explain_push(record, ended)


STAGES: dict[StageName, Stage] = {
    stage.name: stage for stage in (Train(), Track(), Merge(), Push())
}


def _explain_push(record: RunRecord, ended: Ended) -> None:
    record.history.follow()
    if record.history.push_failure is None:
        record.write(
            PushFailed(
                cause=FailureCause.PUSH_DIED,
                explanation=f"The push ended early ({ended}). The model is safe here.",
                remedies=["Push again."],
            )
        )


def _environment_of_models(run: Run, *, token: SecretStr | None) -> dict[str, str]:
    """Code that runs a stranger's model gets the token only where the Hub asks for one."""
    return allowed_environment(token=token if needs_token(run.config()) else None)
