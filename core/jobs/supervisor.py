"""Watches over one run from its queue to its end: python -m core.jobs.supervisor RUN_DIR train|push

A small process in a session of its own, without torch. It outlives the page, starts the trainer
and the push as its children, and writes down why they ended.
"""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.process import UploaderProcess
from core.config.options import AdapterKind, Tracking, Weights
from core.errors import UserError
from core.hub.lookups import needs_token
from core.jobs.diagnosis import explain_end
from core.jobs.pause import pause_if_all_is_pushed
from core.machine.atomic import lock_file
from core.machine.environment import allowed_environment, trainer_environment
from core.machine.hardware import out_of_memory_kills
from core.machine.processes import ProcessIdentity, become_subreaper, end_descendants
from core.machine.source_tree import ROOT
from core.runs.checkpoints import newest_checkpoint
from core.runs.events import EventWriter, Failure, PushFailed, PushProgress, StateChanged, Warned
from core.runs.history import History
from core.runs.logs import LogWriter, tail
from core.runs.paths import RunPaths
from core.runs.state import RunState, TrainerExit, Wish
from core.runs.store import Run, RunStore
from core.settings import Space, load_settings

POLL_SECONDS = 0.25
QUEUE_POLL_SECONDS = 0.5
STATUS_SECONDS = 1.0
READ_BYTES = 65536
# It saved and ended, or was told to end before it knew how to save.
WENT_DOWN = (TrainerExit.WENT_DOWN, -signal.SIGTERM)
# A step may be long, and a large model takes a while to write; after that we insist.
STOP_GRACE_SECONDS = 30 * 60
END_GRACE_SECONDS = 10
# Retries of the Hub's client obey Retry-After without a bound, so this one is ours.
PUSH_SECONDS = 6 * 60 * 60
STOPPED_AND_PUSHED = "What it learned so far is pushed. It can still go on."
# A few hundred kilobytes, and nobody's push should wait long for them.
TRACKING_SECONDS = 10 * 60


class Supervisor:
    """One run's keeper. `work` returns when no process of the run is left alive."""

    def __init__(self, run: Run, *, token: SecretStr | None, space: Space | None) -> None:
        self._run = run
        self._token = token
        self._space = space
        self._history = History(path=run.paths.events)
        self._told_to_end = False
        self._called_off = False
        self._child: subprocess.Popen[bytes] | None = None
        self._uploader_pid: int | None = None
        self._slot: int | None = None
        self._wrote_status = 0.0

    def work(self, task: str) -> None:
        become_subreaper()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        uploader = UploaderProcess(self._run, token=self._token)
        if task == "push":
            self._track_if_owed()
            self._push()
            if self._run.paths.sync_status.exists():
                uploader.report_the_end()
        elif self._wait_for_slot():
            if self._run.config().output.sync_checkpoints:
                self._uploader_pid = uploader.start()
            self._train()
            if self._history.state is RunState.SAVING:
                # Before the push, so that the model's card can name the place.
                self._track_if_owed()
                if self._run.config().output.push_to_hub:
                    self._push()
                else:
                    self._enter(RunState.DONE)
            self._let_go_of_slot()
            uploader.finish()
        elif self._run.config().output.sync_checkpoints and self._has_checkpoint():
            # Called off while it waited: the Hub still takes it for a run that goes on.
            uploader.report_the_end()
        self._pause_space()

    def _on_sigterm(self, *_: object) -> None:
        """The machine is going down: let the trainer save what it can."""
        self._told_to_end = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def _enter(self, state: RunState, note: str = "") -> None:
        EventWriter(self._run.paths.events).write(StateChanged(state=state, note=note))
        self._write_status()

    def _write_status(self) -> None:
        history = self._history
        history.follow()
        progress = history.progress
        child = self._child
        alive = child is not None and child.poll() is None
        status = self._run.status()
        self._run.write_status(
            status.model_copy(
                update={
                    "state": history.state,
                    "note": history.note,
                    "updated": datetime.now(UTC),
                    "step": progress.step if progress else 0,
                    "total": progress.total if progress else 0,
                    "loss": history.latest.get("loss"),
                    "trainer": ProcessIdentity.of(child.pid) if child and alive else None,
                    "pushed_to": history.pushed.repo if history.pushed else None,
                }
            )
        )
        self._wrote_status = time.monotonic()

    def _wait_for_slot(self) -> bool:
        """Wait until the device is ours. Returns False when the run was called off before."""
        store = RunStore(self._run.home)
        while not self._told_to_end and self._run.wish() is None:
            # First come, first served: only the oldest of those that wait may take the slot.
            self._slot = lock_file(store.slot) if self._is_next(store) else None
            if self._slot is not None:
                # close_fds keeps it from the trainer.
                return True
            time.sleep(QUEUE_POLL_SECONDS)
        if self._told_to_end:
            self._enter(RunState.INTERRUPTED, "The machine went down while this run waited.")
        else:
            self._enter(RunState.CANCELED, "Called off before it began.")
        return False

    def _let_go_of_slot(self) -> None:
        """The next run may train while the last checkpoint of this one is copied."""
        if self._slot is not None:
            os.close(self._slot)
            self._slot = None

    def _is_next(self, store: RunStore) -> bool:
        waiting = [run for run, status in store.readable() if status.state is RunState.QUEUED]
        alive = [run.id for run in waiting if run.id == self._run.id or run.is_supervised()]
        return not alive or min(alive) == self._run.id

    def _train(self) -> None:
        self._enter(RunState.PREPARING)
        kills = out_of_memory_kills()
        # Code that runs a stranger's model gets the token only where the Hub asks for one.
        token = self._token if needs_token(self._run.config()) else None
        code = self._run_child(
            "core.train", environment=trainer_environment(token=token), limit=None
        )
        self._history.follow()
        if code == TrainerExit.FINISHED:
            return
        if code == TrainerExit.STOPPED:
            progress = self._history.progress
            step = progress.step if progress else 0
            self._enter(RunState.STOPPED, f"Stopped and saved at step {step}.")
        elif self._run.wish() is Wish.CANCEL:
            self._enter(RunState.CANCELED, "Canceled: nothing new was saved.")
        elif self._called_off:
            self._enter(RunState.CANCELED, "Stopped before the first step: nothing was saved.")
        elif self._told_to_end or code in WENT_DOWN:
            self._enter(RunState.INTERRUPTED, "The machine went down. Resume when it is back.")
        else:
            self._fail(code, was_out_of_memory=out_of_memory_kills() > kills)

    def _fail(self, code: int, *, was_out_of_memory: bool) -> None:
        if self._history.failure is None:
            cause = explain_end(
                code,
                was_out_of_memory=was_out_of_memory,
                log=tail(self._run.paths.log),
                home=self._run.home,
            )
            writer = EventWriter(self._run.paths.events)
            writer.write(Failure(**cause.model_dump()))
            self._history.follow()
        failure = self._history.failure
        self._enter(RunState.FAILED, failure.explanation if failure else "")

    def _track_if_owed(self) -> None:
        """Whatever comes of it, the run goes on: its measurements are safe here."""
        self._history.follow()
        asked, tracked = self._run.config().output.tracking, self._history.tracked
        is_drawn = tracked is not None and tracked.dashboard is not None
        if asked is Tracking.NONE or is_drawn or (tracked and asked is Tracking.DATASET):
            return
        # The model is whole by now, so it is too late to cancel.
        self._enter(RunState.PUSHING, "Sending the curves to the Hub…")
        environment = allowed_environment(token=self._token)
        code = self._run_child(
            "core.publish.tracking", environment=environment, limit=TRACKING_SECONDS
        )
        if code != 0:
            text = f"The curves are not on the Hub: sending them ended early ({_ending(code)})."
            EventWriter(self._run.paths.events).write(Warned(text=text))

    def _push(self) -> None:
        self._enter(RunState.PUSHING)
        code = self._merge() if self._needs_merging() else 0
        if code == 0:
            environment = allowed_environment(token=self._token)
            code = self._run_child("core.publish.push", environment=environment, limit=PUSH_SECONDS)
        self._history.follow()
        if code == 0:
            self._enter_end_of_push(is_pushed=True, note=STOPPED_AND_PUSHED)
            return
        if self._history.push_failure is None:
            explanation = f"The push ended early ({_ending(code)}). The model is safe here."
            EventWriter(self._run.paths.events).write(
                PushFailed(
                    cause="push_died", explanation=explanation, remedies=["Push again."]
                )
            )  # fmt: skip
            self._history.follow()
        self._enter_end_of_push(is_pushed=False, note="The model is safe here, and not pushed.")

    def _enter_end_of_push(self, *, is_pushed: bool, note: str) -> None:
        state = self._history.after_push(is_pushed=is_pushed)
        self._enter(state, "" if state is RunState.DONE else note)

    def _needs_merging(self) -> bool:
        is_adapter = self._run.config().adapter.kind is AdapterKind.LORA
        return is_adapter and self._run.output().weights is not Weights.ADAPTER

    def _merge(self) -> int:
        note = "Merging the adapter into its base…"
        EventWriter(self._run.paths.events).write(PushProgress(note=note))
        token = self._token if needs_token(self._run.config()) else None
        environment = trainer_environment(token=token)
        return self._run_child(
            "core.train.export.merge", environment=environment, limit=PUSH_SECONDS
        )

    def _pause_space(self) -> None:
        """The last run of a Space turns the light off, if it was asked to."""
        asked = self._run.output().pause_space
        if not asked or self._space is None or self._token is None:
            return
        store = RunStore(self._run.home)
        try:
            if self._history.state in (RunState.FAILED, RunState.TRAINED, RunState.INTERRUPTED):
                raise UserError("this run did not end with a verified push.")
            pause_if_all_is_pushed(store, space_id=self._space.id, token=self._token)
        except UserError as error:
            text = f"The Space was not paused: {error}"
            EventWriter(self._run.paths.events).write(Warned(text=text))

    def _run_child(self, module: str, *, environment: dict[str, str], limit: float | None) -> int:
        """Run a module on the run's folder, keep its log, and see that nothing of it is left."""
        # What libraries write to the disk meanwhile stays behind where they are killed.
        scratch = tempfile.TemporaryDirectory(prefix="smolfactory-", ignore_cleanup_errors=True)
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", module, str(self._run.paths.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment | {"TMPDIR": scratch.name},
        )
        self._child = child
        secrets = [self._token.get_secret_value()] if self._token else []
        log = LogWriter(self._run.paths, secrets=secrets)
        try:
            self._write_status()
            self._watch(child, log, limit=limit)
        finally:
            if child.poll() is None:
                child.kill()
            code = child.wait()
            end_descendants(grace=END_GRACE_SECONDS, but=self._uploader_pid)
            log.close()
            self._child = None
            scratch.cleanup()
        return code

    def _watch(
        self, child: subprocess.Popen[bytes], log: LogWriter, *, limit: float | None
    ) -> None:
        if child.stdout is None:
            raise ValueError("The child's output is not piped.")
        end = time.monotonic() + limit if limit else None
        with selectors.DefaultSelector() as selector, child.stdout as pipe:
            selector.register(pipe, selectors.EVENT_READ)
            while child.poll() is None:
                if selector.select(timeout=POLL_SECONDS):
                    data = os.read(pipe.fileno(), READ_BYTES)
                    if not data:
                        break
                    self._write_log(log, data)
                end = self._enforce(child, end)
                if time.monotonic() - self._wrote_status > STATUS_SECONDS:
                    self._try_to_write_status()
            self._wait_or_kill(child, end)
            # What it said last may still be in the pipe; a grandchild may hold it open.
            while selector.select(timeout=0) and (data := os.read(pipe.fileno(), READ_BYTES)):
                self._write_log(log, data)

    def _write_log(self, log: LogWriter, data: bytes) -> None:
        """A full disk costs lines of the log, not the run."""
        try:
            log.write(data)
        except OSError as error:
            sys.stderr.write(f"The log could not be written: {error}\n")

    def _try_to_write_status(self) -> None:
        try:
            self._write_status()
        except OSError as error:
            # Tried again in a second.
            sys.stderr.write(f"The status could not be written: {error}\n")

    def _enforce(self, child: subprocess.Popen[bytes], end: float | None) -> float | None:
        """Give the wish to stop its deadline, and end a child that is past its own."""
        now = time.monotonic()
        wish = self._run.wish()
        if wish is Wish.STOP and end is None:
            end = now + STOP_GRACE_SECONDS
        self._called_off = self._called_off or (wish is Wish.STOP and self._is_nothing_to_save())
        # What is canceled keeps nothing, so there is nothing to wait for.
        if wish is Wish.CANCEL or self._called_off or (end is not None and now > end):
            child.kill()
        return end

    def _is_nothing_to_save(self) -> bool:
        """Whether the trainer still loads, or makes tokens, and no checkpoint is there either."""
        self._history.follow()
        return self._history.state is RunState.PREPARING and not self._has_checkpoint()

    def _has_checkpoint(self) -> bool:
        # The folder is there before the first of them.
        return newest_checkpoint(self._run.paths.checkpoints) is not None

    def _wait_or_kill(self, child: subprocess.Popen[bytes], end: float | None) -> None:
        """The output has ended, so the child should: it gets a moment to do it."""
        grace = END_GRACE_SECONDS if end is None else max(0.0, end - time.monotonic())
        try:
            child.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def main() -> None:
    root, task = Path(sys.argv[1]), sys.argv[2]
    run, settings = Run(id=root.name, paths=RunPaths(root)), load_settings()
    Supervisor(run, token=settings.token, space=settings.space).work(task)


if __name__ == "__main__":
    main()
