"""Uploads of folders, verified: the Hub must list every file with the size and hash it has here."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, RepoFile

from core.errors import HubAway, HubUnreachable, UserError
from core.hub.errors import hub_errors, status_of
from core.hub.lacks import UNKNOWN
from core.hub.xet import turn_off_missing_xet

T = TypeVar("T")
ATTEMPTS = 3
PAUSE_SECONDS = 3
LONGEST_PAUSE_SECONDS = 12
# The Hub takes larger ones as LFS or Xet only.
LARGEST_IN_GIT = 10 * 1024**2


class Differs(HubUnreachable):
    """What the Hub has is not what was here when the upload began."""


@dataclass(frozen=True)
class Print:
    """A file's size, and its hashes as LFS and as git compute them."""

    size: int
    sha256: str
    # Of files that are small enough to lie in git itself.
    git: str | None


@dataclass(frozen=True)
class Target:
    """A place on the Hub; `folder` is where in the repository, "" is its top."""

    repo: str
    kind: str = "model"
    revision: str | None = None
    folder: str = ""
    # What to delete of an earlier upload: patterns of paths in the folder.
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patience:
    """For how long a Hub that is away is waited for; `tell` hears meanwhile what it waits for."""

    seconds: float
    tell: Callable[[str], None]


LITTLE = Patience(seconds=0, tell=lambda _: None)


def upload_verified(
    api: HfApi,
    target: Target,
    *,
    folder: Path,
    local: dict[str, Print],
    message: str,
    approve: Callable[[str], None] | None = None,
    patience: Patience = LITTLE,
) -> str | None:
    """Upload until the remote listing equals the local one. Returns the commit that this made.

    It is None where that is unknown: everything was there already, or the answer was lost.

    An upload may become several commits, or succeed although its response was lost. So the remote
    listing decides, and files that are there already are not sent again. `approve` is asked right
    before about the commit that the upload builds on, and raises UserError to call it off: what
    somebody commits after that has the Hub refuse the upload, and it is asked again.

    Raises UserError when the Hub refuses, or gives no answer for too long, Differs when the Hub
    has other files in the end.
    """

    def send() -> str | None:
        made = None
        commit, other = _compare(api, target, local=local)
        if other:
            if approve is not None:
                approve(commit)
            parent = commit if approve is not None else None
            made = _upload(api, target, folder=folder, message=message, parent=parent)
            # Somebody may have committed since: the newest commit need not be this one.
            _, other = _compare(api, target, local=local)
        if other:
            raise Differs(
                f"These files differ on the Hub from what was uploaded: {', '.join(other[:5])}.",
                hint="Try again; files that arrived are not uploaded twice.",
            )
        return made

    return patiently(send, patience)


def patiently(ask: Callable[[], T], patience: Patience = LITTLE) -> T:
    """What `ask` returns; it is tried again a few times while the Hub gives no answer."""
    end = time.monotonic() + patience.seconds
    attempt = 0
    while True:
        attempt += 1
        try:
            return ask()
        except HubUnreachable as error:
            may_be_back = isinstance(error, HubAway) and time.monotonic() < end
            if attempt >= ATTEMPTS and not may_be_back:
                raise
            patience.tell(f"{error.message} Trying again…")
        time.sleep(min(attempt * PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))


def _compare(api: HfApi, target: Target, *, local: dict[str, Print]) -> tuple[str, list[str]]:
    """The newest commit, and the files that differ there from those here."""
    with hub_errors(f"the repository {target.repo}"):
        info = api.repo_info(target.repo, repo_type=target.kind, revision=target.revision)
        commit = str(info.sha)
        there = listing(api, target, revision=commit)
    left = [path for path in there if path not in local and _is_any(path, target.replaces)]
    return commit, differences(local, there) + left


def _upload(api: HfApi, target: Target, *, folder: Path, message: str, parent: str | None) -> str:
    try:
        return _upload_once(api, target, folder=folder, message=message, parent=parent)
    except UserError as error:
        if not _is_xet_missing(api, target, error):
            raise
    return _upload_once(api, target, folder=folder, message=message, parent=parent)


def _is_xet_missing(api: HfApi, target: Target, refusal: UserError) -> bool:
    """Whether an upload was refused because the Hub has no Xet, which is off from now on."""
    if isinstance(refusal, HubAway) or status_of(refusal.__cause__) not in (None, *UNKNOWN):
        return False
    # What goes wrong here must not hide the refusal.
    with contextlib.suppress(UserError), hub_errors(f"the repository {target.repo}"):
        return turn_off_missing_xet(api, target.repo, kind=target.kind, revision=target.revision)
    return False


def _upload_once(
    api: HfApi, target: Target, *, folder: Path, message: str, parent: str | None
) -> str:
    """Returns the commit."""
    with hub_errors(f"the upload to {target.repo}", is_transfer=True):
        made = api.upload_folder(
            repo_id=target.repo,
            repo_type=target.kind,
            folder_path=folder,
            path_in_repo=target.folder or None,
            commit_message=message,
            revision=target.revision,
            delete_patterns=list(target.replaces) or None,
            parent_commit=parent,
        )
        return str(made.oid)


def fingerprints(folder: Path, *, known: Mapping[str, str] | None = None) -> dict[str, Print]:
    """The files below a folder by their path in it.

    `known` are SHA-256 hashes of some: if those are large, they are not read again.
    """
    known = known or {}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in paths]
    return {
        name: fingerprint(path, known=known.get(name))
        for name, path in zip(names, paths, strict=True)
    }


def fingerprint(path: Path, *, known: str | None = None) -> Print:
    size = path.stat().st_size
    if known is not None and size > LARGEST_IN_GIT:
        return Print(size=size, sha256=known, git=None)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    git = None
    if size <= LARGEST_IN_GIT:
        # Git names a file by the SHA-1 of "blob", its size, a zero byte and its content.
        named = b"blob %d\0" % size + path.read_bytes()
        git = hashlib.sha1(named, usedforsecurity=False).hexdigest()
    return Print(size=size, sha256=sha256, git=git)


def listing(api: HfApi, target: Target, *, revision: str) -> dict[str, RepoFile]:
    """The files of the target's folder by their path in it, at a commit."""
    under = f"{target.folder}/" if target.folder else ""
    tree = api.list_repo_tree(
        target.repo, repo_type=target.kind, recursive=True, revision=revision,
    )  # fmt: skip
    return {
        item.path.removeprefix(under): item
        for item in tree
        if isinstance(item, RepoFile) and item.path.startswith(under)
    }


def differences(local: dict[str, Print], remote: dict[str, RepoFile]) -> list[str]:
    """The local files that are missing or different on the Hub."""
    return [path for path, file in local.items() if not _same(file, remote.get(path))]


def _is_any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _same(local: Print, remote: RepoFile | None) -> bool:
    if remote is None or remote.size != local.size:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == local.sha256)
    return bool(remote.blob_id == local.git)
