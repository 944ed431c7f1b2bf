"""Takes one run through its stages: python -m core.jobs.supervisor [--slot FD] RUN_DIR [STAGE …]

A small process in a session of its own, without torch. It outlives the page, runs the stages as its
children, and writes down why they ended. Without stages it does what is left to do once a run has
ended: its copy on the Hub is told, and the Space may pause. The run's lock, and the device's where
it trains, are descriptors that it inherits.
"""

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.process import UploaderProcess
from core.errors import UserError
from core.jobs.child_process import ChildProcess
from core.jobs.diagnosis import explain_refusal
from core.jobs.pause import pause_if_all_is_pushed
from core.jobs.plan import StageName
from core.jobs.record import CANCELED_BEFORE_START, RunRecord, canceled
from core.jobs.stages import STAGES
from core.machine.processes import become_subreaper
from core.machine.standby import Standby
from core.runs.events import Failure, PushFailed, Warned
from core.runs.paths import RunPaths
from core.runs.state import RunState, Wish
from core.runs.store import Run, RunStore
from core.settings import Space, load_settings

STOPPED_AND_PUSHED = "What it learned so far is pushed. It can still go on."
CANCELED_LATE = "It was canceled when it was trained already: the model is here, and nowhere else."
NOT_PUSHED = "The model is safe here, and not pushed."
PUSHED_BEFORE = "The last push failed. What was pushed before is on the Hub."


class Supervisor:
    """Works on one run. `work` returns when no process of the run is left alive."""

    def __init__(
        self,
        run: Run,
        *,
        token: SecretStr | None,
        space: Space | None,
        slot: int | None,
        standby: Standby | None,
    ) -> None:
        self._run = run
        self._token = token
        self._space = space
        self._slot = slot
        self._record = RunRecord(run)
        secrets = [token.get_secret_value()] if token else []
        self._child = ChildProcess(self._record, secrets=secrets, standby=standby)

    def work(self, stages: Sequence[StageName]) -> None:
        become_subreaper()
        signal.signal(signal.SIGTERM, lambda *_: self._child.tell_to_end())
        uploader = UploaderProcess(self._run, token=self._token)
        try:
            self._go_through(stages, uploader)
        except (UserError, OSError) as error:
            self._give_up(error)
        self._free_slot()
        uploader.finish()
        self._pause_space()

    def _go_through(self, stages: Sequence[StageName], uploader: UploaderProcess) -> None:
        if StageName.TRAIN in stages and self._ends_before_it_begins():
            return
        if StageName.TRAIN in stages and self._run.config().output.sync_checkpoints:
            self._child.spared = uploader.start()
        if stages:
            self._run_all(stages)

    def _give_up(self, error: UserError | OSError) -> None:
        """Write down what kept the supervisor itself from its work."""
        cause = explain_refusal(error, run=self._run)
        record = self._record
        record.history.follow()
        if record.history.state is RunState.PUSHING:
            record.write(PushFailed(**cause.model_dump()))
            record.enter(record.history.after_push(is_pushed=False), NOT_PUSHED)
        else:
            record.write(Failure(**cause.model_dump()))
            record.enter(RunState.FAILED, cause.explanation)

    def _ends_before_it_begins(self) -> bool:
        if self._child.is_told_to_end:
            self._record.enter(RunState.INTERRUPTED, "The machine went down before this run began.")
        elif self._run.wish() is not None:
            self._record.enter(RunState.CANCELED, canceled(self._run, CANCELED_BEFORE_START))
        else:
            return False
        return True

    def _run_all(self, stages: Sequence[StageName]) -> None:
        failed: set[StageName] = set()
        for stage in (STAGES[name] for name in stages):
            self._record.history.follow()
            if stage.needs & failed or stage.is_done(self._record):
                continue
            stage.begin(self._record)
            environment = stage.environment(self._run, token=self._token)
            ended = self._child.run(
                stage.module, environment=environment, limit=stage.limit, is_asked=stage.is_asked
            )
            self._record.history.follow()
            has_model = ended.code == 0 or self._record.history.has_model
            if stage.is_asked and has_model and self._run.wish() is Wish.CANCEL:
                # Too late for the training, and in time for what would have followed.
                self._record.enter(
                    RunState.TRAINED if StageName.PUSH in stages else RunState.DONE, CANCELED_LATE
                )
                return
            if ended.code != 0:
                stage.fail(self._record, ended)
                failed.add(stage.name)
        if StageName.TRAIN not in failed:
            self._enter_end(has_pushed=StageName.PUSH in stages)

    def _enter_end(self, *, has_pushed: bool) -> None:
        """The model is whole. What the run is now says whether the Hub has it, as was asked."""
        history = self._record.history
        history.follow()
        if not has_pushed:
            self._record.enter(RunState.DONE, history.best_note)
            return
        is_pushed = history.push_failure is None
        state = history.after_push(is_pushed=is_pushed)
        if not is_pushed:
            note = PUSHED_BEFORE if history.pushed is not None else NOT_PUSHED
        else:
            note = "" if state is RunState.DONE else STOPPED_AND_PUSHED
        self._record.enter(state, f"{note} {history.best_note}".strip())

    def _free_slot(self) -> None:
        """The next run may train while the last checkpoint of this one is copied."""
        if self._slot is not None:
            os.close(self._slot)
            self._slot = None

    def _pause_space(self) -> None:
        """The last run of a Space turns the light off, if it was asked to."""
        if self._space is None or self._token is None:
            return
        self._record.history.follow()
        try:
            if not self._run.output().pause_space:
                return
            state = self._record.history.state
            if state in (RunState.FAILED, RunState.TRAINED, RunState.INTERRUPTED):
                raise UserError("this run did not end with a verified push.")
            store = RunStore(self._run.home)
            pause_if_all_is_pushed(store, space_id=self._space.id, token=self._token)
        except UserError as error:
            self._record.write(Warned(text=f"The Space was not paused: {error}"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m core.jobs.supervisor")
    parser.add_argument("folder", type=Path, metavar="RUN_DIR")
    parser.add_argument("--slot", type=int, metavar="FD", help="the device's lock, inherited")
    parser.add_argument(
        "--standby", type=Standby.find, metavar="NAME", help="a child that waits to be the trainer"
    )
    parser.add_argument("stages", type=StageName, nargs="*", metavar="STAGE")
    asked = parser.parse_args()
    run, settings = Run(id=asked.folder.name, paths=RunPaths(asked.folder)), load_settings()
    supervisor = Supervisor(
        run,
        token=settings.token,
        space=settings.space,
        slot=asked.slot,
        standby=asked.standby,
    )
    supervisor.work(asked.stages)


if __name__ == "__main__":
    main()
