"""Copies a run's newest checkpoint to the Hub while it trains.

    python -m core.checkpoint_sync.uploader RUN_DIR [once]

A process of its own, at the lowest priority, that only reads closed files: training never waits
for it. Asked to end (SIGTERM), it looks once more and then goes. It lets go of what was kept when
the run is canceled, or its model is pushed and verified. What it keeps is a folder for
each step in a private repository of the person's, and manifest.json, which is committed last and
names every file by its hash; so what it names is whole, wherever the upload was cut off.
"""

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from pydantic import SecretStr

from core.checkpoint_sync.manifest import (
    BEAT,
    CHECKPOINT,
    MANIFEST,
    OLD_MANIFEST,
    STEPS,
    Manifest,
    SyncedFile,
    installation,
    read_manifest,
    step_folder,
)
from core.checkpoint_sync.repository import delete_repo, sync_repo
from core.checkpoint_sync.status import SyncStatus, sync_status
from core.errors import HubUnreachable, UserError
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.hub.upload import Print, Target, fingerprints, listing, upload_verified
from core.machine.atomic import write_atomically
from core.machine.processes import die_with_parent
from core.runs.checkpoints import newest_checkpoint
from core.runs.paths import RunPaths
from core.runs.state import RunState
from core.runs.store import Run
from core.settings import load_settings

ONCE = "once"
# What does not change any more, and what is still written to.
WHOLE, WRITTEN = "whole", "written"
LOOK_SECONDS = 2.0
RETRY_SECONDS = 30.0
LAST_TRIES = 10
LOWEST_PRIORITY = 19
# After a copy it rests this many times the processor's time that the copy took, so that training
# keeps the rest of it; but so long only, since steps that are not kept may be lost.
REST, LONGEST_REST_SECONDS = 100, 300.0
# Pickled settings of the trainer, which nothing needs again.
LEFT_OUT = "training_args.bin"


class CheckpointUploader:
    """Copies one run's newest checkpoint to the Hub, again and again."""

    def __init__(self, run: Run, *, token: SecretStr, here: str) -> None:
        self._run = run
        self._here = here
        self._token = token
        self._api = hub_client(token)
        self._status = SyncStatus()
        self._told_to_end = threading.Event()
        self._manifest: Manifest | None = None
        self._rests_until = time.monotonic()

    def work(self, *, once: bool) -> bool:
        """Keep until told to end, or the Hub refuses for good. Returns whether the end is told.

        The last look is tried again while the Hub is away: it says how the run ended, and a run
        that is said to be training comes back.
        """
        if once:
            self._told_to_end.set()
        last_tries = LAST_TRIES
        signal.signal(signal.SIGTERM, lambda *_: self._told_to_end.set())
        while True:
            is_last = self._told_to_end.is_set()
            pause = LOOK_SECONDS
            try:
                self._look(is_last=is_last)
                if is_last:
                    return True
            except (HubUnreachable, OSError) as error:
                # A full disk may have room again, as a Hub that is away comes back.
                self._tell(problem=str(error))
                pause = RETRY_SECONDS
            except UserError as error:
                self._tell(problem=str(error))
                return False
            if is_last:
                last_tries -= 1
                if last_tries == 0:
                    return False
                time.sleep(pause)
            else:
                self._told_to_end.wait(pause)

    def _look(self, *, is_last: bool) -> None:
        state = self._run.status().state if is_last else RunState.TRAINING
        if not self._status.repo:
            self._choose_repo()
        if state is RunState.CANCELED or self._is_pushed(state):
            # Nothing is to be kept, or the whole model is on the Hub.
            self._let_go()
            return
        newest = newest_checkpoint(self._run.paths.checkpoints)
        last = self._manifest
        if newest is None:
            return
        is_known = last is not None and (newest.step, state) == (last.step, last.state)
        rests = not is_last and time.monotonic() < self._rests_until
        if last is not None and (is_known or rests):
            self._beat(last)
            return
        began = time.process_time()
        try:
            self._sync(newest.path, step=newest.step, state=state)
        except OSError:
            # The trainer may delete it just now; then there is a newer one.
            if newest.path.exists():
                raise
        rest = REST * (time.process_time() - began)
        self._rests_until = time.monotonic() + min(rest, LONGEST_REST_SECONDS)

    def _let_go(self) -> None:
        commit = self._newest_commit()
        if commit is not None:
            self._require_ours(commit)
            delete_repo(self._api, self._status.repo)

    def _is_pushed(self, state: RunState) -> bool:
        return state is RunState.DONE and self._run.status().pushed_to is not None

    def _choose_repo(self) -> None:
        # Where it began: a push may have chosen another owner since.
        before = sync_status(self._run)
        repo = before.repo if before and before.repo else sync_repo(self._run, self._token)
        step = before.step if before else 0
        self._status = SyncStatus(repo=repo, url=f"{self._api.endpoint}/{repo}", step=step)
        self._tell()

    def _sync(self, checkpoint: Path, *, step: int, state: RunState) -> None:
        folder = self._lay_out(checkpoint, step=step)
        local = fingerprints(folder / WHOLE)
        target = Target(self._status.repo)
        self._require_private(target.repo)
        before = self._newest_commit()
        if before is not None:
            self._require_ours(before)
        with self._beating():
            upload_verified(
                self._api, target, folder=folder / WHOLE, local=local, message=f"Step {step}"
            )
        commit = self._newest_commit()
        if commit is None:
            raise UserError(
                f"{target.repo} was deleted meanwhile.", hint="Checkpoint sync has stopped."
            )
        local |= fingerprints(folder / WRITTEN)
        manifest = self._describe(step, local, state=state)
        self._point_to(commit=commit, manifest=manifest, written=folder / WRITTEN)
        shutil.rmtree(folder)
        self._status = self._status.model_copy(update={"step": step})
        self._tell()
        self._forget_older_bytes()

    def _require_private(self, repo: str) -> None:
        with hub_errors(f"the repository {repo}"):
            self._api.create_repo(repo, private=True, exist_ok=True)
            if self._api.model_info(repo).private:
                return
        raise UserError(
            f"{repo} is public, so no checkpoint is uploaded there.",
            hint="Make it private on the Hub.",
        )

    @contextlib.contextmanager
    def _beating(self) -> Iterator[None]:
        """Beat while something long goes on, which may take longer than silence is believed."""
        is_over = threading.Event()

        def beat() -> None:
            pause = LOOK_SECONDS
            while self._manifest is not None and not is_over.wait(pause):
                try:
                    self._beat(self._manifest)
                except (UserError, OSError):
                    # What is wrong, the upload itself comes upon.
                    pause = RETRY_SECONDS

        beats = threading.Thread(target=beat, daemon=True)
        beats.start()
        try:
            yield
        finally:
            is_over.set()
            beats.join()

    def _beat(self, last: Manifest) -> None:
        """Say that the run still trains here, so that nobody trains it a second time."""
        now = datetime.now(UTC)
        if now - last.updated < BEAT:
            return
        beat = last.model_copy(update={"updated": now})
        commit = self._newest_commit()
        if commit is None:
            self._manifest = beat
        else:
            self._point_to(commit=commit, manifest=beat)
        self._tell()

    def _newest_commit(self) -> str | None:
        """None where there is no repository."""
        with hub_errors(f"the repository {self._status.repo}"):
            if not self._api.repo_exists(self._status.repo):
                return None
            return str(self._api.model_info(self._status.repo).sha)

    def _require_ours(self, commit: str) -> Manifest | None:
        """What is there by now, if anything.

        Raises UserError when another installation has restored the run.
        """
        repo = self._status.repo
        with hub_errors(f"the repository {repo}"):
            manifest = read_manifest(self._api, repo, revision=commit)
        if manifest is not None and manifest.is_held_elsewhere(here=self._here):
            raise UserError(
                "This run was restored on another machine and is synced from there.",
                hint="Cancel it on one of the two.",
            )
        return manifest

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
            files={path: SyncedFile(size=p.size, sha256=p.sha256) for path, p in local.items()},
        )

    def _point_to(self, *, commit: str, manifest: Manifest, written: Path | None = None) -> None:
        """In one commit: the manifest names this step's files, and older steps are gone.

        What is still written to goes along, or a step that is uploaded a second time would for a
        moment not be as the manifest says.
        """
        target = Target(self._status.repo)
        moving = [(path, written / path) for path in fingerprints(written)] if written else []
        before = self._require_ours(commit)
        if before is not None and before.step == manifest.step:
            manifest = manifest.model_copy(update={"restored": before.restored})
        with hub_errors(f"the repository {target.repo}"):
            there = listing(self._api, target, revision=commit)
            steps = {path.split("/")[0] for path in there if path.startswith(STEPS)}
            # Until a step is whole, the one before it stays; and what of it is there already.
            older = steps - {manifest.folder} if written else set()
            replaced = [OLD_MANIFEST] if OLD_MANIFEST in there else []
            self._api.create_commit(
                target.repo,
                [
                    CommitOperationAdd(MANIFEST, manifest.model_dump_json(indent=2).encode()),
                    *(CommitOperationAdd(path, file) for path, file in moving),
                    *(CommitOperationDelete(f"{name}/") for name in older),
                    *(CommitOperationDelete(name) for name in replaced),
                ],
                commit_message=f"Step {manifest.step} is whole",
                # Refused where somebody has written meanwhile, so what is named is still there.
                parent_commit=commit,
            )
        self._manifest = manifest

    def _lay_out(self, checkpoint: Path, *, step: int) -> Path:
        """Put what is kept side by side. Large files are hard links: they cost no space."""
        paths = self._run.paths
        folder = paths.sync_staging
        shutil.rmtree(folder, ignore_errors=True)
        here = step_folder(step, holder=self._here)
        shutil.copytree(
            checkpoint, folder / WHOLE / here / CHECKPOINT, copy_function=os.link,
            ignore=shutil.ignore_patterns(LEFT_OUT),
        )  # fmt: skip
        if paths.data.is_dir():
            shutil.copytree(paths.data, folder / WHOLE / paths.data.name, copy_function=os.link)
        written = folder / WRITTEN
        (written / here).mkdir(parents=True)
        shutil.copyfile(paths.config, written / paths.config.name)
        for path in (paths.resolved, paths.events):
            shutil.copyfile(path, written / here / path.name)
        return folder

    def _forget_older_bytes(self) -> None:
        """A repository's history keeps every checkpoint's bytes, and somebody pays for them."""
        with contextlib.suppress(UserError), hub_errors("the history of checkpoints"):
            self._api.super_squash_history(self._status.repo)

    def _tell(self, *, problem: str = "") -> None:
        self._status = self._status.model_copy(update={"problem": problem})
        with contextlib.suppress(OSError):
            # A full disk costs a line on the page, not the copy on the Hub.
            write_atomically(self._run.paths.sync_status, self._status.model_dump_json())


def _step_back() -> None:
    """Take only the processor's time that training leaves over."""
    os.nice(LOWEST_PRIORITY)
    if sys.platform.startswith("linux"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> int:
    die_with_parent()
    _step_back()
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    settings = load_settings()
    try:
        if settings.token is None:
            raise UserError("UploaderProcess checkpoints on the Hub needs a token.")
        here = installation(settings)
        uploader = CheckpointUploader(run, token=settings.token, here=here)
        return 0 if uploader.work(once=ONCE in sys.argv[2:]) else 1
    except UserError as error:
        write_atomically(run.paths.sync_status, SyncStatus(problem=str(error)).model_dump_json())
        return 1


if __name__ == "__main__":
    sys.exit(main())
