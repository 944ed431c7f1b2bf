"""Runs whose checkpoints are on the Hub, restored to this home."""

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from huggingface_hub import CommitOperationAdd
from pydantic import SecretStr

from core.checkpoint_sync.manifest import (
    CHECKPOINT,
    GONE_AFTER,
    MANIFEST,
    STUCK_AFTER,
    Manifest,
    installation,
)
from core.checkpoint_sync.restorable import RestorableRun, restorable_of
from core.checkpoint_sync.status import SyncStatus
from core.config.parse import load_stored_config
from core.errors import HubUnreachable, UserError
from core.hub.account import account
from core.hub.client import hub_client, hub_endpoint
from core.hub.errors import hub_errors
from core.hub.upload import fingerprint
from core.machine.atomic import write_atomically
from core.runs.checkpoint_files import FileRecord
from core.runs.checkpoints import checkpoint_folder
from core.runs.events import EventWriter, StateChanged
from core.runs.paths import RunPaths
from core.runs.state import RunState, RunStatus
from core.runs.store import Run, RunStore, first_status
from core.settings import load_settings

SCRATCH = ".restore-"
# No download takes as long; an older folder is of a process that was ended.
SCRATCH_SECONDS = 2 * 24 * 3600
# What a run was doing when its machine went away.
CUT_OFF = (RunState.TRAINING, RunState.SAVING, RunState.INTERRUPTED)


def restore(store: RunStore, synced: RestorableRun, *, token: SecretStr) -> Run:
    """Make the run's folder again from its synced checkpoint; it can then be resumed.

    From then on the run is this installation's: an uploader elsewhere, if there is one, stops.

    Raises UserError when it is here already, when it still trains elsewhere, when a file is not as
    it was synced, or when the Hub refuses.
    """
    manifest = synced.manifest
    if store.has(manifest.run):
        raise UserError("This run is here already.", hint="Choose it in the list of runs.")
    _require_cut_off(manifest)
    store.home.mkdir(parents=True, exist_ok=True)
    _delete_broken_downloads(store.home)
    with tempfile.TemporaryDirectory(dir=store.home, prefix=SCRATCH) as scratch:
        downloaded = Path(scratch) / "downloaded"
        with hub_errors(f"the checkpoint in {synced.repo}", is_transfer=True):
            hub_client(token).snapshot_download(
                synced.repo, revision=synced.commit, local_dir=downloaded
            )
        _require_unchanged(downloaded, manifest)
        _take_over(synced, token=token)
        folder = Path(scratch) / manifest.run
        _lay_out(downloaded, manifest, paths=RunPaths(folder))
        status = _tell_of_the_interruption(RunPaths(folder), manifest)
        # Its uploader here goes on in the same repository.
        url = f"{hub_endpoint()}/{synced.repo}"
        known = SyncStatus(repo=synced.repo, url=url, step=manifest.step)
        write_atomically(RunPaths(folder).sync_status, known.model_dump_json())
        return store.adopt(manifest.run, folder, status=status)


def restore_interrupted(store: RunStore, *, token: SecretStr) -> bool:
    """Restore the runs that were interrupted and are to resume by themselves.

    Returns whether none is left to try again: False while one is said to train elsewhere, which may
    prove wrong, or could not be downloaded. Raises HubUnreachable when the Hub does not respond at
    all, UserError when it refuses.
    """
    # Others may write to an organization's repositories: a run there is restored by hand only.
    own = restorable_of(account(token).name, token)
    missing = [synced for synced in own if _goes_on(synced) and not store.has(synced.manifest.run)]
    here = installation(load_settings())
    is_all = True
    for synced in missing:
        if synced.manifest.trains_elsewhere(here=here):
            is_all = False
            continue
        try:
            restore(store, synced, token=token)
        except HubUnreachable:
            is_all = False
        except (UserError, OSError) as error:
            # One that can't be restored must not stop the others.
            sys.stderr.write(f"Run {synced.manifest.run} was not restored: {error}\n")
    return is_all


def _goes_on(synced: RestorableRun) -> bool:
    """Whether a run resumes by itself. One that brings down each machine must not."""
    manifest = synced.manifest
    is_asked = manifest.auto_resume and manifest.state in CUT_OFF
    return is_asked and manifest.restored < STUCK_AFTER


def _delete_broken_downloads(home: Path) -> None:
    for folder in home.glob(f"{SCRATCH}*"):
        if time.time() - folder.stat().st_mtime > SCRATCH_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _require_cut_off(manifest: Manifest) -> None:
    if manifest.trains_elsewhere(here=installation(load_settings())):
        raise UserError(
            f"This run trains on another machine: it said so at {manifest.updated:%H:%M} UTC.",
            hint="Stop it there; or, if that machine is gone, try again in"
            f" {GONE_AFTER.seconds // 60} minutes.",
        )


def _take_over(synced: RestorableRun, *, token: SecretStr) -> None:
    """Say on the Hub that the run is this installation's now.

    Raises UserError when the repository has changed meanwhile.
    """
    before = synced.manifest.state
    ours = {
        "holder": installation(load_settings()),
        # From now on no other may take it; a run that was ended on purpose stays ended.
        "state": RunState.TRAINING if before in CUT_OFF else before,
        "updated": datetime.now(UTC),
        "restored": synced.manifest.restored + 1,
    }
    with hub_errors(f"the repository {synced.repo}"):
        hub_client(token).create_commit(
            synced.repo,
            [
                CommitOperationAdd(
                    MANIFEST,
                    synced.manifest.model_copy(update=ours).model_dump_json(indent=2).encode(),
                )
            ],
            commit_message="Restored on another machine",
            parent_commit=synced.commit,
        )


def _require_unchanged(folder: Path, manifest: Manifest) -> None:
    for name, synced in manifest.files.items():
        path = folder / _inside(name)
        if not path.is_file() or not _is(path, synced):
            raise UserError(
                f"{name} is not on the Hub as it was uploaded, so this run can't resume from it.",
                hint="Start a new run with its settings: config.yaml is in the repository.",
            )


def _is(path: Path, synced: FileRecord) -> bool:
    found = fingerprint(path)
    return (found.size, found.sha256) == (synced.size, synced.sha256)


def _lay_out(downloaded: Path, manifest: Manifest, *, paths: RunPaths) -> None:
    """Put the files of the manifest, and no others, where a run has them."""
    here = f"{manifest.folder}/"
    checkpoint = checkpoint_folder(paths.checkpoints, step=manifest.step)
    files = {
        f"{here}{paths.events.name}": paths.events,
        f"{here}{paths.resolved.name}": paths.resolved,
        paths.config.name: paths.config,
    }
    folders = {f"{here}{CHECKPOINT}/": checkpoint, f"{paths.data.name}/": paths.data}
    for name in manifest.files:
        _inside(name)
        prefix = next((prefix for prefix in folders if name.startswith(prefix)), None)
        if prefix is not None:
            target = folders[prefix] / _inside(name.removeprefix(prefix))
        elif name in files:
            target = files[name]
        else:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        (downloaded / name).rename(target)


def _tell_of_the_interruption(paths: RunPaths, manifest: Manifest) -> RunStatus:
    """Write down what became of the run. Raises InvalidConfig when its settings are not ours."""
    config = load_stored_config(paths.config.read_text(encoding="utf-8"))
    note = f"Restored from the Hub at step {manifest.step}."
    events = EventWriter(paths.events)
    events.write(StateChanged(state=RunState.INTERRUPTED, note=note))
    return first_status(run_id=manifest.run, config=config).model_copy(
        update={
            "state": RunState.INTERRUPTED,
            "note": note,
            "created": datetime.strptime(manifest.run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC),
            "step": manifest.step,
            "total": manifest.total,
        }
    )


def _inside(name: str) -> PurePosixPath:
    """Raises UserError for a path that leads out of the folder it is meant for."""
    path = PurePosixPath(name)
    # What is not spelled plainly ("a//b", "./a") could mean another place once a part is cut off.
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name or name == ".":
        raise UserError(f"{name!r} is no file of a run.")
    return path
