"""Pushes a run's model and verifies it: python -m core.publish.push RUN_DIR

A process of its own, the only one of a run that holds the token while it works. It says "pushed"
only when the Hub lists, file by file, the size and the hash of what lies here.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import Discussion, HfApi
from pydantic import SecretStr

from core.config.options import Weights
from core.errors import HubUnreachable, UserError
from core.hub.account import account
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.hub.licences import require_sharing_allowed
from core.hub.permissions import target_repo
from core.hub.upload import Patience, Target, fingerprints, patiently, upload_verified
from core.publish.model_card import write_card
from core.publish.occupied import replacement, require_still_free, upload_title
from core.publish.warned import warn_of_lacks
from core.runs.causes import FailureCause
from core.runs.events import EventWriter, Pushed, PushFailed, PushProgress
from core.runs.history import History
from core.runs.paths import RunPaths
from core.runs.store import Run
from core.settings import token_of_this_process

FAILED = 1
# A server that restarts is back by then.
PATIENCE_SECONDS = 75
ADAPTER_FOLDER = "adapter"
# transformers would load an adapter, or a whole file, that an earlier push has left.
REPLACED = ("model*.safetensors", "model.safetensors.index.json", "adapter_*", "adapter/*")


def push(run: Run, *, token: SecretStr | None, events: EventWriter) -> Pushed:
    """Upload the run's model with its card, and compare what the Hub then has with what is here.

    Raises UserError when the Hub refuses or gives no answer, Occupied where it would replace what
    others have put there and may not; the files stay.
    """
    output = run.output()
    if not run.paths.model.is_dir():
        raise UserError("This run has no model to push.", hint="Let it train to the end first.")

    def tell(note: str) -> None:
        events.write(PushProgress(note=note))

    tell("Checking that you may push…")
    api, patience = hub_client(token), Patience(seconds=PATIENCE_SECONDS, tell=tell)
    repo, private = patiently(lambda: _open_repo(api, run, token=token), patience)
    if not private:
        patiently(lambda: require_sharing_allowed(run.config(), token=token), patience)
    proposal = None
    if output.pull_request:
        proposal = patiently(
            lambda: _pull_request(api, repo=repo, run=run, token=token), patience
        )  # fmt: skip
    tell("Preparing the files…")
    folder = patiently(lambda: _fill_folder(run, repo=repo, private=private, api=api), patience)
    upload = _Upload(api, run, repo=repo, private=private, folder=folder, tell=tell)
    commit = upload.propose(proposal, patience) if proposal else upload.replace(patience)
    shutil.rmtree(folder)
    shutil.rmtree(run.paths.merged, ignore_errors=True)
    return Pushed(
        repo=repo,
        url=proposal.url if proposal else f"{api.endpoint}/{repo}",
        commit=commit,
        files=len(upload.local),
        size=sum(file.size for file in upload.local.values()),
        private=private,
        pull_request=proposal is not None,
        weights=_weights(run),
        replaced=upload.replaced,
    )


@contextmanager
def leave_to_replace(run: Run) -> Iterator[None]:
    """Uses it up, whatever becomes of the push: it was said of what was there then."""
    try:
        yield
    finally:
        output = run.output()
        if output.replace:
            run.choose_output(output.model_copy(update={"replace": False}))


class _Upload:
    """The upload of a folder. `replaced` is the commit of others that it was put on top of."""

    def __init__(
        self,
        api: HfApi,
        run: Run,
        *,
        repo: str,
        private: bool,
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        self.local = fingerprints(folder)
        self.replaced: str | None = None
        self._api, self._run, self._repo, self._folder, self._tell = api, run, repo, folder, tell
        self._where = f"{repo} ({'private' if private else 'public'})"

    def propose(self, proposal: Discussion, patience: Patience) -> str | None:
        """What else is in the repository is for its owners to clean up."""
        target = Target(self._repo, revision=proposal.git_reference)
        return self._send(target, lambda _: self._begin(), patience)

    def replace(self, patience: Patience) -> str | None:
        return self._send(Target(self._repo, replaces=REPLACED), self._approve, patience)

    def _send(
        self, target: Target, approve: Callable[[str], None], patience: Patience
    ) -> str | None:
        return upload_verified(
            self._api, target, folder=self._folder, local=self.local,
            message=upload_title(self._run), approve=approve, patience=patience,
        )  # fmt: skip

    def _approve(self, commit: str) -> None:
        """Nothing of others is replaced without leave, nor without a word."""
        there = require_still_free(self._api, self._repo, run=self._run, revision=commit)
        if there is not None:
            self.replaced = commit
            ends = replacement(there, pushed=self.local, deleted=REPLACED)
            self._tell(f"Replacing what is in {self._repo}: {ends}.")
        self._begin()

    def _begin(self) -> None:
        self._tell(f"Uploading to {self._where}, then comparing file by file…")


def _open_repo(api: HfApi, run: Run, *, token: SecretStr | None) -> tuple[str, bool]:
    """The repository that the result goes to, made where it is not there; and if it is private.

    Looked at before anything is prepared, and again right before the upload.
    """
    output = run.output()
    repo = target_repo(output, token)
    if not output.pull_request:
        require_still_free(api, repo, run=run)
    with hub_errors(f"the repository {repo}"):
        if not output.pull_request:
            api.create_repo(repo, private=output.hub_private_repo, exist_ok=True)
        return repo, bool(api.model_info(repo).private)


def _pull_request(api: HfApi, *, repo: str, run: Run, token: SecretStr | None) -> Discussion:
    """The open pull request of this run: a second push, or a lost answer, opens no other."""
    title = f"SmolFactory run {run.id}"
    author = account(token).name if token else None
    with hub_errors(f"pull requests of {repo}"):
        opened = api.get_repo_discussions(
            repo, author=author, discussion_type="pull_request",
            discussion_status="open",
        )  # fmt: skip
        there = next((each for each in opened if each.title == title), None)
        return there or api.create_pull_request(
            repo, title=title, description="A model trained and pushed with SmolFactory."
        )


def _fill_folder(run: Run, *, repo: str, private: bool, api: HfApi) -> Path:
    """Lay out what is pushed: the model, its card, and the settings that made it."""
    folder = run.paths.publish
    shutil.rmtree(folder, ignore_errors=True)
    weights = _weights(run)
    whole = run.paths.model if weights is Weights.ADAPTER else run.paths.merged
    shutil.copytree(whole, folder, copy_function=_link)
    if weights is Weights.BOTH:
        shutil.copytree(run.paths.model, folder / ADAPTER_FOLDER, copy_function=_link)
    settings = run.config().for_publication().to_yaml()
    (folder / "smolfactory.yaml").write_text(settings, encoding="utf-8")
    history = History.of(run.paths)
    history.follow()
    write_card(
        run, history, folder=folder, repo=repo, weights=weights, private=private, api=api
    )  # fmt: skip
    return folder


def _weights(run: Run) -> Weights:
    """What is pushed: where all weights were trained, there is but one thing."""
    is_adapter = run.config().adapter.has_adapter
    return run.output().weights if is_adapter else Weights.ADAPTER


def _link(source: str, target: str) -> None:
    """Hard links cost no space for the weights."""
    Path(target).hardlink_to(source)


def main() -> int:
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    events = EventWriter(run.paths.events)
    try:
        with leave_to_replace(run), warn_of_lacks(events):
            pushed = push(run, token=token_of_this_process(), events=events)
        events.write(pushed)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        is_away = isinstance(error, HubUnreachable)
        cause = FailureCause.HUB_UNREACHABLE if is_away else FailureCause.REFUSED
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
