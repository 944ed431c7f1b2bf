"""Syncs a run's newest checkpoint to the Hub while it trains.

    python -m core.checkpoint_sync.uploader RUN_DIR [once]

A process of its own, at the lowest priority, that only reads closed files: training never waits
for it. Told to end (SIGTERM), it syncs once more and exits. When the run is canceled, or its model
is pushed and verified, it deletes the checkpoints from the Hub. They lie in a private repository, a
folder for each step, with manifest.json, which is committed last and names every file by its hash.
So what the manifest names is complete, wherever an upload was cut off. A damaged checkpoint is not
uploaded, and a whole one there gives way only to a whole one of the same step or a later one.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.manifest import (
    HEARTBEAT,
    Manifest,
    installation,
    step_folder,
)
from core.checkpoint_sync.repository import SyncRepository, sync_repo
from core.checkpoint_sync.staging import Damaged, clear_staging, stage
from core.checkpoint_sync.status import SyncStatus, sync_status
from core.errors import HubUnreachable, UserError
from core.hub.lacks import told_lacks
from core.hub.upload import Differs, Print, fingerprints
from core.machine.atomic import write_atomically
from core.machine.processes import die_with_parent
from core.runs.checkpoint_files import FileRecord, damage
from core.runs.checkpoints import SavedCheckpoint, newest_checkpoint
from core.runs.paths import RunPaths
from core.runs.state import RunState
from core.runs.store import Run
from core.settings import load_settings

ONCE = "once"
POLL_SECONDS = 2.0
RETRY_SECONDS = 30.0
LAST_TRIES = 10
LOWEST_PRIORITY = 19
# After a sync it rests this many times the processor time that the sync took, so that training
# has the rest of it; but no longer than this, since steps that are not synced may be lost.
REST, LONGEST_REST_SECONDS = 100, 300.0


class CheckpointUploader:
    """Decides when a run's newest checkpoint is uploaded, and tells how that goes."""

    def __init__(self, run: Run, *, token: SecretStr, here: str) -> None:
        self._run = run
        self._here = here
        self._token = token
        self._status = SyncStatus()
        self._told_to_end = threading.Event()
        # What is on the Hub, as far as this process has written it.
        self._manifest: Manifest | None = None
        # Checkpoints whose sizes are right and whose contents are not, and what is wrong there.
        self._damaged: dict[SavedCheckpoint, str] = {}
        self._rests_until = time.monotonic()
        self._known_repository: SyncRepository | None = None

    def work(self, *, once: bool) -> bool:
        """Sync until told to end, or the Hub refuses for good.

        Returns whether the Hub knows how the run ended. The last sync is retried while the Hub
        can't be reached: a run that is still said to be training would be resumed elsewhere.
        """
        if once:
            self._told_to_end.set()
        last_tries = LAST_TRIES
        signal.signal(signal.SIGTERM, lambda *_: self._told_to_end.set())
        while True:
            is_last = self._told_to_end.is_set()
            pause = POLL_SECONDS
            try:
                self._sync_if_due(is_last=is_last)
                if is_last:
                    return True
            except (HubUnreachable, OSError) as error:
                # A full disk may have room again, just as the Hub may be back.
                self._report(problem=str(error))
                pause = RETRY_SECONDS
            except UserError as error:
                self._report(problem=str(error))
                return False
            if is_last:
                last_tries -= 1
                if last_tries == 0:
                    return False
                time.sleep(pause)
            else:
                self._told_to_end.wait(pause)

    def _sync_if_due(self, *, is_last: bool) -> None:
        state = self._run.status().state if is_last else RunState.TRAINING
        repository = self._repository()
        if state is RunState.CANCELED or self._is_pushed(state):
            # The checkpoints are no longer wanted, or the whole model is on the Hub.
            repository.delete()
            return
        newest = newest_checkpoint(self._run.paths.checkpoints, damaged=self._damaged)
        last = self._manifest
        if newest is None and not self._status.step:
            return
        step = newest.step if newest is not None else 0
        is_synced = last is not None and step <= last.step and state is last.state
        rests = not is_last and time.monotonic() < self._rests_until
        if is_synced or rests:
            if last is not None:
                self._heartbeat(last)
            return
        began = time.process_time()
        try:
            self._sync(newest, state=state)
        except Damaged as damaged:
            self._damaged[damaged.checkpoint] = str(damaged)
            # The one before it may be whole.
            self._sync_if_due(is_last=is_last)
            return
        except OSError:
            # The trainer may delete it just now; then there is a newer one.
            if newest is None or newest.path.exists():
                raise
        finally:
            clear_staging(self._run.paths)
        rest = min(REST * (time.process_time() - began), LONGEST_REST_SECONDS)
        if newest is None:
            # Nothing is whole here, and the trainer takes its time.
            rest = max(rest, RETRY_SECONDS)
        self._rests_until = time.monotonic() + rest

    def _is_pushed(self, state: RunState) -> bool:
        return state is RunState.DONE and self._run.status().pushed_to is not None

    def _repository(self) -> SyncRepository:
        """Where the run is synced to. Raises UserError when this token may not write there."""
        if self._known_repository is None:
            # Where it began: a push may have chosen another owner since.
            before = sync_status(self._run)
            name = before.repo if before and before.repo else sync_repo(self._run, self._token)
            repository = SyncRepository(name, token=self._token, here=self._here)
            known = before or SyncStatus()
            self._status = known.model_copy(update={"repo": name, "url": repository.url})
            self._report()
            self._known_repository = repository
        return self._known_repository

    def _sync(self, newest: SavedCheckpoint | None, *, state: RunState) -> None:
        """Raises Damaged when the checkpoint is not as it was saved."""
        repository = self._repository()
        if newest is not None:
            repository.create()
        commit = repository.newest_commit()
        there = repository.require_ours(commit) if commit is not None else None
        is_newer = there is not None and (newest is None or there.step > newest.step)
        if commit and there and is_newer and repository.has_whole(there, commit=commit):
            # The newest here is damaged, or the run goes on from an older one.
            now = {"state": state, "updated": datetime.now(UTC), "holder": self._here}
            told = there.model_copy(update=now)
            self._manifest = repository.commit_heartbeat(told, parent=commit)
            self._report()
        elif newest is not None:
            self._upload(newest, state=state, before=there)

    def _upload(
        self, checkpoint: SavedCheckpoint, *, state: RunState, before: Manifest | None
    ) -> None:
        repository, step = self._repository(), checkpoint.step
        staged = stage(checkpoint, paths=self._run.paths, here=self._here)
        local = staged.closed_files()
        with self._heartbeats():
            try:
                repository.upload(staged.closed, local=local, step=step)
            except Differs as error:
                if what := damage(checkpoint.path, reads_all=True):
                    raise Damaged(checkpoint, what) from error
                raise
        commit = repository.newest_commit()
        if commit is None:
            raise UserError(
                f"{repository.name} was deleted during the upload.",
                hint="Checkpoint sync has stopped.",
            )
        written = fingerprints(staged.written)
        self._manifest = repository.commit_step(
            self._describe(step, local | written, state=state),
            parent=commit,
            files={path: staged.written / path for path in written},
        )
        self._status = self._status.model_copy(update={"step": step})
        self._report()
        left_over = 0
        if not repository.squash_history():
            replaced = before.bytes_not_in(self._manifest) if before is not None else 0
            left_over = self._status.left_over + replaced
        self._status = self._status.model_copy(update={"left_over": left_over})
        self._report()

    @contextlib.contextmanager
    def _heartbeats(self) -> Iterator[None]:
        """Send heartbeats during an upload, which may take longer than one is good for."""
        is_over = threading.Event()

        def send() -> None:
            pause = POLL_SECONDS
            while self._manifest is not None and not is_over.wait(pause):
                try:
                    self._heartbeat(self._manifest)
                except (UserError, OSError):
                    # The upload itself runs into the same problem, and tells it.
                    pause = RETRY_SECONDS

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            yield
        finally:
            is_over.set()
            sender.join()

    def _heartbeat(self, last: Manifest) -> None:
        """Say that the run still trains here, so that no other machine restores it."""
        now = datetime.now(UTC)
        if now - last.updated < HEARTBEAT:
            return
        manifest = last.model_copy(update={"updated": now})
        repository = self._repository()
        commit = repository.newest_commit()
        if commit is not None:
            manifest = repository.commit_heartbeat(manifest, parent=commit)
        self._manifest = manifest
        self._report()

    def _describe(self, step: int, local: dict[str, Print], *, state: RunState) -> Manifest:
        status = self._run.status()
        return Manifest(
            run=self._run.id,
            name=status.name,
            step=step,
            total=status.total,
            state=state,
            updated=datetime.now(UTC),
            holder=self._here,
            auto_resume=self._run.config().output.auto_resume,
            folder=step_folder(step, holder=self._here),
            files={path: FileRecord(size=p.size, sha256=p.sha256) for path, p in local.items()},
        )

    def _report(self, *, problem: str = "") -> None:
        problem = problem or self._damage()
        self._status = self._status.model_copy(update={"problem": problem, "lacks": told_lacks()})
        with contextlib.suppress(OSError):
            # A full disk costs a line on the page, not the copy on the Hub.
            write_atomically(self._run.paths.sync_status, self._status.model_dump_json())

    def _damage(self) -> str:
        """Which checkpoint that the Hub lacks can't be synced."""
        missing = [each for each in self._damaged if each.step > self._status.step]
        newest = max(missing, key=lambda each: each.step, default=None)
        if newest is None:
            return ""
        return f"The checkpoint of step {newest.step} is damaged: {self._damaged[newest]}."


def _lower_priority() -> None:
    """Take only the processor time that training leaves over."""
    os.nice(LOWEST_PRIORITY)
    if sys.platform.startswith("linux"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    die_with_parent()
    _lower_priority()
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    settings = load_settings()
    try:
        if settings.token is None:
            raise UserError("Syncing checkpoints to the Hub needs a token.")
        here = installation(settings)
        uploader = CheckpointUploader(run, token=settings.token, here=here)
        return 0 if uploader.work(once=ONCE in sys.argv[2:]) else 1
    except UserError as error:
        # Where its checkpoints are remains known.
        known = sync_status(run) or SyncStatus()
        status = known.model_copy(update={"problem": str(error)})
        write_atomically(run.paths.sync_status, status.model_dump_json())
        return 1


if __name__ == "__main__":
    sys.exit(main())
