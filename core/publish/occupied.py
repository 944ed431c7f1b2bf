"""What a repository holds that a run did not push: a push replaces none of it unless it is told to.

Whatever a run commits names the run in the commit's title, and builds on a commit that was approved
in this way. So where the newest commit is a run's own, all that is there is known to its person.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from core.errors import UserError
from core.hub.errors import hub_errors
from core.runs.history import History
from core.runs.store import Run

# The Hub puts it into every repository, and no push replaces it.
OF_THE_HUB = ".gitattributes"
MOST_NAMED = 4


class Occupied(UserError):
    """The repository has content that the run did not push, and nobody said to replace it."""


@dataclass(frozen=True)
class Contents:
    """The files of a repository at a commit."""

    repo: str
    commit: str
    changed: datetime | None
    files: frozenset[str]
    # Whether the run has pushed there, and somebody has committed since.
    is_on_top: bool = False

    def __str__(self) -> str:
        changed = f", last changed {self.changed:%Y-%m-%d %H:%M} UTC" if self.changed else ""
        return f"{counted(self.files)}{changed}"


def upload_title(run: Run) -> str:
    """The title of a commit of a run's push."""
    return f"Upload {run.output().repo_name} (SmolFactory run {run.id})"


def require_free(
    api: HfApi, repo: str, *, run: Run | None, replace: bool, revision: str | None = None
) -> Contents | None:
    """What others than this run have put into a repository, and may be replaced; None for nothing.

    Raises Occupied where there is something and `replace` does not allow it.
    """
    there = contents_of_others(api, repo, run=run, revision=revision)
    if there is None or replace:
        return there
    if there.is_on_top:
        raise _occupied(f"{repo} was changed after this run's last push.")
    raise _occupied(f"{repo} already has content that this run did not push: {there}.")


def require_still_free(
    api: HfApi, repo: str, *, run: Run, revision: str | None = None
) -> Contents | None:
    """As `require_free`, at the push: replaced is only what was there when a person allowed it."""
    replace = run.output().replace
    there = require_free(api, repo, run=run, replace=replace, revision=revision)
    if there is None or there.commit == (allowed := _history(run).replaceable):
        return there
    if allowed is None:
        # The Hub gave no answer then, there was nothing, or an older version didn't look.
        raise _occupied(
            f"It isn't known whether what is in {repo} may be replaced: {there}. "
            "It wasn't seen when `output.replace` was turned on.",
            hint="To replace it, push again with `output.replace`; or choose another name.",
        )
    raise _occupied(f"{repo} was changed after `output.replace` was turned on: {there}.")


def contents_of_others(
    api: HfApi, repo: str, *, run: Run | None, revision: str | None = None
) -> Contents | None:
    """What is in a repository, unless this run itself pushed last. A run yet to start is None."""
    with hub_errors(f"the repository {repo}", field="output.name"):
        try:
            info = api.model_info(repo, revision=revision)
        except RepositoryNotFoundError:
            return None
        commit = str(info.sha)
        files = frozenset(file.rfilename for file in info.siblings or []) - {OF_THE_HUB}
        own = _own_commits(run, api, repo, commit=commit) if files and run is not None else []
        if not files or own[:1] == [True]:
            return None
    return Contents(
        repo=repo, commit=commit, changed=info.last_modified, files=files, is_on_top=any(own)
    )


def replacement(there: Contents, *, pushed: Mapping[str, object], deleted: Collection[str]) -> str:
    """What becomes of a repository's files: `deleted` are the patterns that are not left there."""
    overwritten = there.files & pushed.keys()
    gone = {
        path
        for path in there.files - overwritten
        if any(fnmatch(path, pattern) for pattern in deleted)
    }
    left = there.files - overwritten - gone
    ends = {"overwritten": overwritten, "deleted": gone, "left as they are": left}
    return "; ".join(f"{end}: {counted(paths)}" for end, paths in ends.items() if paths)


def counted(paths: Collection[str]) -> str:
    """How many files, and the first of them by name."""
    named = sorted(paths)[:MOST_NAMED]
    more = f" and {len(paths) - len(named)} more" if len(paths) > len(named) else ""
    files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
    return f"{files} ({', '.join(named)}{more})"


def _own_commits(run: Run, api: HfApi, repo: str, *, commit: str) -> list[bool]:
    """Of each commit, the newest first, whether this run made it.

    One whose answer was lost is known by its title.
    """
    pushed = _history(run).pushed_commits
    if commit in pushed:
        return [True]
    made = api.list_repo_commits(repo, revision=commit)
    return [each.commit_id in pushed or run.id in each.title for each in made]


def _history(run: Run) -> History:
    history = History.of(run.paths)
    history.follow()
    return history


def _occupied(
    problem: str, *, hint: str = "Choose another name, or turn on `output.replace`."
) -> Occupied:
    return Occupied(problem, hint=hint, field="output.name")
