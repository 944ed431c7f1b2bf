"""What a route needs to know: the Hub, who calls, and the repository that the path names."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request

from .billing import Billing
from .errors import HubError, invalid_credentials, repo_not_found
from .identity import Caller, Identities
from .oauth import OAuthProvider
from .store import KINDS, Commit, Kind, Repo, Store


@dataclass
class Hub:
    """What the routes share; `storage` is the address that large files are fetched from."""

    store: Store
    identities: Identities
    oauth: OAuthProvider
    billing: Billing
    multipart_over: int
    endpoint: str = ""
    storage: str = ""


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


HubContext = Annotated[Hub, Depends(_hub)]


def _caller(request: Request, hub: HubContext) -> Caller:
    header = request.headers.get("Authorization")
    if header is None:
        return Caller()
    token = hub.identities.find(header.removeprefix("Bearer "))
    if token is None:
        raise invalid_credentials()
    return Caller(token)


CallerContext = Annotated[Caller, Depends(_caller)]


def _kind(kinds: str = "models") -> Kind:
    if kinds not in KINDS:
        raise HubError(404, f"Nothing is called {kinds} here")
    return KINDS[kinds]


KindContext = Annotated[Kind, Depends(_kind)]


def visible(*, hub: Hub, caller: Caller, kind: Kind, repo_id: str) -> Repo:
    """The repository, for someone who may see it.

    Raises HubError when there is none, or none that the caller may know of.
    """
    repo = hub.store.find(kind, repo_id)
    if repo is None or not caller.may_see(repo):
        raise repo_not_found(signed_in=caller.signed_in)
    return repo


def _repo(
    namespace: str, name: str, *, kind: KindContext, hub: HubContext, caller: CallerContext
) -> Repo:
    return visible(hub=hub, caller=caller, kind=kind, repo_id=f"{namespace}/{name}")


RepoContext = Annotated[Repo, Depends(_repo)]


def _writable(repo: RepoContext, caller: CallerContext, revision: str = "") -> Repo:
    if not caller.signed_in:
        raise repo_not_found(signed_in=False)
    if not caller.may_write(repo) and not _proposes(caller, repo, unquote(revision)):
        raise HubError(403, "Forbidden: you don't have write access to this repository")
    return repo


def _owned(repo: RepoContext, caller: CallerContext) -> Repo:
    if not caller.signed_in:
        raise repo_not_found(signed_in=False)
    if not caller.may_write(repo):
        raise HubError(403, "Forbidden: only those who may write to this repository can do that")
    return repo


# For what a pull request gives no right to: settings, the history, a running Space.
OwnedContext = Annotated[Repo, Depends(_owned)]


def _proposes(caller: Caller, repo: Repo, revision: str) -> bool:
    """Whether this is about a pull request of the caller's; large files come without a revision."""
    assert caller.token is not None
    return repo.is_proposed_by(caller.token.user.name) and (
        not revision or revision.startswith("refs/pr/")
    )


WritableContext = Annotated[Repo, Depends(_writable)]
needs_write = Depends(_writable)


def _has_room(repo: WritableContext, hub: HubContext) -> None:
    hub.billing.check_storage(repo.namespace, private=repo.private)


needs_room = Depends(_has_room)


def _commit(repo: RepoContext, revision: str) -> Commit:
    return repo.at(unquote(revision))


CommitContext = Annotated[Commit, Depends(_commit)]
needs_read = Depends(_commit)


def url(repo: Repo, *, hub: Hub) -> str:
    """The address of a repository's page."""
    prefix = "" if repo.kind == "model" else f"{repo.kind}s/"
    return f"{hub.endpoint}/{prefix}{repo.repo_id}"
