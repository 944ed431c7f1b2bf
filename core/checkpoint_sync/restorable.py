"""The runs whose checkpoints are on the Hub, in all accounts that a token may write to."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from pydantic import SecretStr

from core.checkpoint_sync.manifest import MANIFEST, OLD_MANIFEST, PREFIX, Manifest, read_manifest
from core.config.setting import RUN_ID
from core.errors import HubAway, HubUnreachable, UserError
from core.hub.account import account
from core.hub.client import hub_client
from core.hub.errors import hub_errors

MAX_LISTED = 20


@dataclass(frozen=True)
class RestorableRun:
    """A run with a checkpoint on the Hub, at a commit."""

    repo: str
    commit: str
    manifest: Manifest


@dataclass(frozen=True)
class Restorable:
    """The runs that were found, the newest first, and why there may be more: by account."""

    runs: list[RestorableRun]
    problems: list[str]


def restorable_runs(token: SecretStr) -> Restorable:
    """The runs synced in the account of this token and those it may write to.

    Raises UserError when none of them could be looked into.
    """
    found: list[RestorableRun] = []
    errors: dict[str, UserError] = {}
    owners = _owners(token)
    for owner in owners:
        before = len(found)
        try:
            # One by one: what was found before an error can be restored.
            for synced in restorable_of(owner, token):
                found.append(synced)
        except UserError as error:
            errors[owner] = error
            if isinstance(error, HubAway) and len(found) == before:
                # Of the others it would say nothing either, each time after a while.
                errors |= dict.fromkeys(owners[owners.index(owner) :], error)
                break
    if len(errors) == len(owners) and not found:
        raise errors[owners[0]]
    problems = [f"The runs of {owner} could not be listed. {e}" for owner, e in errors.items()]
    return Restorable(
        runs=sorted(found, key=lambda synced: synced.manifest.run, reverse=True),
        problems=problems,
    )


def restorable_run(run: str, token: SecretStr) -> RestorableRun:
    """One run, without a look at the others.

    Raises UserError when it is in none of the accounts, HubUnreachable when there is no answer.
    """
    api, problems = hub_client(token), []
    for owner in _owners(token) if RUN_ID.match(run) else []:
        try:
            synced = _read(api, f"{owner}/{PREFIX}{run}")
        except HubAway:
            raise
        except UserError as error:
            problems.append(f"{owner} could not be looked into. {error}")
            continue
        if synced is not None:
            return synced
    hint = " ".join([*problems, "Reload the page, or see: runs restorable."])
    raise UserError(f"The Hub has no checkpoint of a run {run}.", hint=hint)


def _owners(token: SecretStr) -> list[str]:
    """The accounts that a token may write to, its own first."""
    who = account(token)
    return [who.name, *sorted(who.may_try - {who.name})]


def restorable_of(owner: str, token: SecretStr) -> Iterator[RestorableRun]:
    """The runs synced in an account, as they are found. Raises UserError, as the Hub does."""
    api = hub_client(token)
    with hub_errors(f"the models of {owner}"):
        names = _newest(api, owner)
    for name in names:
        try:
            synced = _read(api, name)
        except HubUnreachable:
            raise
        except UserError as error:
            # It may have been deleted since it was listed. The others can still be restored.
            sys.stderr.write(f"The checkpoint in {name} can't be read: {error}\n")
            continue
        if synced is not None:
            yield synced


def _newest(api: HfApi, owner: str) -> list[str]:
    """The repositories of the runs that began last: a run's name begins with its date.

    Not every Hub searches and sorts.
    """
    begin = f"{owner}/{PREFIX}"
    listed = api.list_models(author=owner, search=PREFIX)
    names = [str(info.id) for info in listed if str(info.id).startswith(begin)]
    return sorted(names, reverse=True)[:MAX_LISTED]


def _read(api: HfApi, repo: str) -> RestorableRun | None:
    """The run in a repository; None when there is none, or it is not complete or not ours."""
    with hub_errors(f"the repository {repo}"):
        try:
            info = api.model_info(repo)
        except RepositoryNotFoundError:
            return None
        names = {file.rfilename for file in info.siblings or []}
        if not info.private or not {MANIFEST, OLD_MANIFEST} & names:
            return None
        manifest = read_manifest(api, repo, revision=info.sha)
    if manifest is None:
        return None
    is_ours = RUN_ID.match(manifest.run) and repo.endswith(f"/{PREFIX}{manifest.run}")
    return RestorableRun(repo=repo, commit=str(info.sha), manifest=manifest) if is_ours else None
