"""Runs whose checkpoints are kept on the Hub: finding them, and bringing one back to this home."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from huggingface_hub import CommitOperationAdd, HfApi, ModelInfo
from pydantic import SecretStr

from core.checkpoint_sync.manifest import (
    BELIEVED,
    CHECKPOINT,
    MANIFEST,
    PREFIX,
    STUCK_AFTER,
    KeptFile,
    Manifest,
    installation,
    read_manifest,
)
from core.checkpoint_sync.status import Kept
from core.config.parse import load_config
from core.errors import HubUnreachable, UserError
from core.hub.account import account
from core.hub.errors import hub_errors
from core.hub.upload import fingerprint
from core.machine.atomic import write_atomically
from core.runs.checkpoints import checkpoint_folder
from core.runs.events import EventWriter, StateChanged
from core.runs.paths import RunPaths
from core.runs.state import RunState, RunStatus
from core.runs.store import RUN_ID, Run, RunStore, first_status
from core.settings import load_settings

MAX_LISTED = 20
SCRATCH = ".kept-"
# No download takes as long; what is older was broken off with its process.
SCRATCH_SECONDS = 2 * 24 * 3600
# What a run was doing when its machine went away.
CUT_OFF = (RunState.TRAINING, RunState.SAVING, RunState.INTERRUPTED)


@dataclass(frozen=True)
class KeptRun:
    """A run that the Hub keeps a checkpoint of, at a commit."""

    repo: str
    commit: str
    manifest: Manifest


def kept_runs(token: SecretStr) -> list[KeptRun]:
    """The runs kept in the account of this token and those it may write to, the newest first.

    Raises UserError when the Hub refuses or gives no answer.
    """
    who = account(token)
    found = [kept for owner in {who.name} | who.writable for kept in _kept_by(owner, token)]
    return sorted(found, key=lambda kept: kept.manifest.run, reverse=True)


def _kept_by(owner: str, token: SecretStr) -> Iterator[KeptRun]:
    api = HfApi(token=token.get_secret_value())
    with hub_errors(f"the models of {owner}"):
        infos = list(_newest(api, owner))
    for info in infos:
        try:
            kept = _look(api, str(info.id))
        except HubUnreachable:
            raise
        except UserError as error:
            # It may have been let go since it was listed. The others are there all the same.
            sys.stderr.write(f"What {info.id} keeps can't be seen: {error}\n")
            continue
        if kept is not None:
            yield kept


def bring_back(store: RunStore, kept: KeptRun, *, token: SecretStr) -> Run:
    """Make the run's folder again from what is kept; it can then be resumed.

    From then on the run is this installation's: its keeper elsewhere, if there is one, lets it be.

    Raises UserError when it is here already, when it still trains elsewhere, when a file is not as
    it was kept, or when the Hub refuses.
    """
    manifest = kept.manifest
    if store.has(manifest.run):
        raise UserError("This run is here already.", hint="Choose it in the list of runs.")
    _require_cut_off(manifest)
    store.home.mkdir(parents=True, exist_ok=True)
    _delete_broken_downloads(store.home)
    with tempfile.TemporaryDirectory(dir=store.home, prefix=SCRATCH) as scratch:
        downloaded = Path(scratch) / "downloaded"
        with hub_errors(f"the checkpoint in {kept.repo}"):
            HfApi(token=token.get_secret_value()).snapshot_download(
                kept.repo, revision=kept.commit, local_dir=downloaded
            )
        _require_as_kept(downloaded, manifest)
        _take_over(kept, token=token)
        folder = Path(scratch) / manifest.run
        _lay_out(downloaded, manifest, paths=RunPaths(folder))
        status = _tell_of_the_interruption(RunPaths(folder), manifest)
        # Its keeper here goes on in the same place.
        url = f"{HfApi().endpoint}/{kept.repo}"
        known = Kept(repo=kept.repo, url=url, step=manifest.step)
        write_atomically(RunPaths(folder).kept, known.model_dump_json())
        return store.adopt(manifest.run, folder, status=status)


def bring_back_unfinished(store: RunStore, *, token: SecretStr) -> bool:
    """Bring back the runs that were cut off and are to go on by themselves.

    Returns whether that is all: False while one is said to train elsewhere, which may prove wrong,
    or the Hub gave no answer about one. Raises HubUnreachable when it gives none at all, UserError
    when it refuses.
    """
    # Others may write to an organization's repositories: from there a run comes back by hand.
    own = _kept_by(account(token).name, token)
    missing = [kept for kept in own if _goes_on(kept) and not store.has(kept.manifest.run)]
    here = installation(load_settings())
    is_all = True
    for kept in missing:
        if kept.manifest.trains_elsewhere(here=here):
            is_all = False
            continue
        try:
            bring_back(store, kept, token=token)
        except HubUnreachable:
            is_all = False
        except (UserError, OSError) as error:
            # One that can't come back must not keep the others from it.
            sys.stderr.write(f"Run {kept.manifest.run} was not brought back: {error}\n")
    return is_all


def _goes_on(kept: KeptRun) -> bool:
    """Whether a run goes on by itself. One that ends its machines each time must not."""
    manifest = kept.manifest
    is_asked = manifest.auto_resume and manifest.state in CUT_OFF
    return is_asked and manifest.brought_back < STUCK_AFTER


def _delete_broken_downloads(home: Path) -> None:
    for folder in home.glob(f"{SCRATCH}*"):
        if time.time() - folder.stat().st_mtime > SCRATCH_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _require_cut_off(manifest: Manifest) -> None:
    if manifest.trains_elsewhere(here=installation(load_settings())):
        raise UserError(
            f"This run trains on another machine: it said so at {manifest.updated:%H:%M} UTC.",
            hint="Stop it there; or, if that machine is gone, try again in"
            f" {BELIEVED.seconds // 60} minutes.",
        )


def _take_over(kept: KeptRun, *, token: SecretStr) -> None:
    """Say on the Hub that the run is this installation's now. Raises UserError when it moved on."""
    before = kept.manifest.state
    ours = {
        "holder": installation(load_settings()),
        # From now on nobody else is to take it; what was ended on purpose stays so.
        "state": RunState.TRAINING if before in CUT_OFF else before,
        "updated": datetime.now(UTC),
        "brought_back": kept.manifest.brought_back + 1,
    }
    with hub_errors(f"the repository {kept.repo}"):
        HfApi(token=token.get_secret_value()).create_commit(
            kept.repo,
            [
                CommitOperationAdd(
                    MANIFEST,
                    kept.manifest.model_copy(update=ours).model_dump_json(indent=2).encode(),
                )
            ],
            commit_message="Brought back on another machine",
            parent_commit=kept.commit,
        )


def _newest(api: HfApi, owner: str) -> Iterable[ModelInfo]:
    return api.list_models(
        author=owner, search=PREFIX, sort="last_modified", limit=MAX_LISTED
    )  # fmt: skip


def _look(api: HfApi, repo: str) -> KeptRun | None:
    """What is kept in a repository; None when nothing whole is yet, or it is none of ours."""
    with hub_errors(f"the repository {repo}"):
        info = api.model_info(repo)
        names = {file.rfilename for file in info.siblings or []}
        if not info.private or MANIFEST not in names:
            return None
        manifest = read_manifest(api, repo, revision=info.sha)
    if manifest is None:
        return None
    is_ours = RUN_ID.match(manifest.run) and repo.endswith(f"/{PREFIX}{manifest.run}")
    return KeptRun(repo=repo, commit=str(info.sha), manifest=manifest) if is_ours else None


def _require_as_kept(folder: Path, manifest: Manifest) -> None:
    for name, kept in manifest.files.items():
        path = folder / _inside(name)
        if not path.is_file() or not _is(path, kept):
            raise UserError(
                f"{name} is not on the Hub as it was kept, so this run can't go on from it.",
                hint="Start a new run with its settings: config.yaml is in the repository.",
            )


def _is(path: Path, kept: KeptFile) -> bool:
    found = fingerprint(path)
    return (found.size, found.sha256) == (kept.size, kept.sha256)


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
    config = load_config(paths.config.read_text(encoding="utf-8"))
    note = f"Brought back from the Hub, where step {manifest.step} was kept."
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
