"""Pushes a run's model and verifies it: python -m core.push RUN_DIR

A process of its own, the only one of a run that holds the token while it works. It says "pushed"
only when the Hub lists, file by file, the size and the hash of what lies here.
"""

import hashlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import Discussion, HfApi, RepoFile
from pydantic import SecretStr

from core.errors import HubUnreachable, UserError
from core.events import EventWriter, Pushed, PushFailed, PushProgress
from core.history import History
from core.hub import hub_errors, target_repo
from core.model_card import write_card
from core.runs import Run, RunPaths
from core.settings import load_settings

FAILED = 1
ATTEMPTS = 3
PAUSE_SECONDS = 3


@dataclass(frozen=True)
class Print:
    """What tells a file apart: its size, and its hash as git and as LFS take it."""

    size: int
    git: str
    sha256: str


def push(run: Run, *, token: SecretStr | None, events: EventWriter) -> Pushed:
    """Upload the run's model with its card, and compare what the Hub then has with what is here.

    Raises UserError when the Hub refuses or gives no answer; the files stay.
    """
    output = run.output()
    if not run.paths.model.is_dir():
        raise UserError("This run has no model to push.", hint="Let it train to the end first.")
    events.write(PushProgress(note="Checking that you may push…"))
    repo = target_repo(output, token)
    api = HfApi(token=token.get_secret_value() if token else None)
    with hub_errors(f"the repository {repo}"):
        if not output.pull_request:
            api.create_repo(repo, private=output.private, exist_ok=True)
        private = bool(api.model_info(repo).private)
    proposal = _pull_request(api, repo=repo, run=run) if output.pull_request else None
    folder = _fill_folder(run, repo=repo, api=api)
    local = fingerprints(folder)
    privacy = "private" if private else "public"
    note = f"Uploading to {repo} ({privacy}), then comparing file by file…"
    events.write(PushProgress(note=note))
    commit = _upload(
        api, repo=repo, folder=folder, local=local, name=output.name,
        revision=proposal.git_reference if proposal else None,
    )  # fmt: skip
    shutil.rmtree(folder)
    return Pushed(
        repo=repo,
        url=proposal.url if proposal else f"{api.endpoint}/{repo}",
        commit=commit,
        files=len(local),
        size=sum(file.size for file in local.values()),
        private=private,
        pull_request=proposal is not None,
    )


def fingerprints(folder: Path) -> dict[str, Print]:
    """The files below a folder by their path in the repository."""
    return {
        path.relative_to(folder).as_posix(): _fingerprint(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def differences(local: dict[str, Print], remote: dict[str, RepoFile]) -> list[str]:
    """The local files that the Hub has not, or has otherwise."""
    return [path for path, file in local.items() if not _same(file, remote.get(path))]


def _pull_request(api: HfApi, *, repo: str, run: Run) -> Discussion:
    """The open pull request of this run: a second push, or a lost answer, opens no other."""
    title = f"SmolFactory run {run.id}"
    with hub_errors(f"pull requests of {repo}"):
        opened = api.get_repo_discussions(
            repo, author=api.whoami()["name"], discussion_type="pull_request",
            discussion_status="open",
        )  # fmt: skip
        there = next((each for each in opened if each.title == title), None)
        return there or api.create_pull_request(
            repo, title=title, description="A model trained and pushed with SmolFactory."
        )


def _upload(
    api: HfApi,
    *,
    repo: str,
    folder: Path,
    local: dict[str, Print],
    name: str,
    revision: str | None,
) -> str:
    """Upload until the remote listing equals the local one. Returns the commit that has it all.

    An upload may come in several commits, or be there although its answer was lost; so what is
    there is looked at, and what is there already is not sent again.
    """
    unreachable: HubUnreachable | None = None
    missing: list[str] = []
    for attempt in range(ATTEMPTS):
        # Nothing at first, then a little longer each time.
        time.sleep(attempt * PAUSE_SECONDS)
        try:
            with hub_errors(f"the upload to {repo}"):
                api.upload_folder(
                    repo_id=repo, folder_path=folder, commit_message=f"Upload {name}",
                    revision=revision,
                )  # fmt: skip
        except HubUnreachable as error:
            unreachable = error
        with hub_errors(f"the repository {repo}"):
            commit = str(api.model_info(repo, revision=revision).sha)
            missing = differences(local, _remote(api, repo, revision=commit))
        if not missing:
            return commit
    raise unreachable or UserError(
        f"After {ATTEMPTS} tries the Hub still has not: {', '.join(missing[:5])}.",
        hint="Push again; what is there already is not sent twice.",
    )


def _remote(api: HfApi, repo: str, *, revision: str) -> dict[str, RepoFile]:
    tree = api.list_repo_tree(repo, recursive=True, revision=revision)
    return {item.path: item for item in tree if isinstance(item, RepoFile)}


def _same(local: Print, remote: RepoFile | None) -> bool:
    if remote is None or remote.size != local.size:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == local.sha256)
    return bool(remote.blob_id == local.git)


def _fingerprint(path: Path) -> Print:
    size = path.stat().st_size
    # Git names a file by the SHA-1 of "blob", its size, a zero byte and its content.
    git = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            git.update(chunk)
            sha256.update(chunk)
    return Print(size=size, git=git.hexdigest(), sha256=sha256.hexdigest())


def _fill_folder(run: Run, *, repo: str, api: HfApi) -> Path:
    """Lay out what is pushed: the model, its card, and the settings that made it."""
    folder = run.paths.publish
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.paths.model, folder, copy_function=_link)
    shutil.copyfile(run.paths.config, folder / "smolfactory.yaml")
    history = History(path=run.paths.events)
    history.follow()
    write_card(run, history, folder=folder, repo=repo, api=api)
    return folder


def _link(source: str, target: str) -> None:
    """Hard links cost no space for the weights."""
    Path(target).hardlink_to(source)


def main() -> int:
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    events = EventWriter(run.paths.events)
    try:
        events.write(push(run, token=load_settings().token, events=events))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        cause = "hub_unreachable" if isinstance(error, HubUnreachable) else "refused"
        remedies = [error.hint] if error.hint else []
        events.write(
            PushFailed(
                cause=cause, explanation=error.message, remedies=[*remedies, "Push again."]
            )
        )  # fmt: skip
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
