"""Creating, deleting, describing and finding repositories, and checking their cards."""

from typing import Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from .context import (
    CallerContext,
    CommitContext,
    HubContext,
    KindContext,
    OwnedContext,
    RepoContext,
    visible,
)
from .creation import Beginning, Visibility, add, new_space
from .errors import HubError, gated, sign_in_first
from .metadata import check
from .store import Kind, Repo
from .views import repo_view, summary

router = APIRouter()


class RepoName(BaseModel):
    name: str
    organization: str | None = None
    type: Kind = "model"


class NewRepo(RepoName, Beginning):
    sdk: str | None = None


class Settings(BaseModel):
    visibility: Visibility | None = None
    private: bool | None = None
    gated: Literal["auto", "manual", False] | None = None


class Card(BaseModel):
    content: str
    repoType: Kind = "model"


@router.post("/api/repos/create")
def create(new: NewRepo, hub: HubContext, caller: CallerContext) -> dict[str, str]:
    if caller.token is None:
        raise sign_in_first()
    repo_id = f"{new.organization or caller.token.user.name}/{new.name}"
    repo = Repo(new.type, repo_id, new.visibility == "private", sdk=new.sdk)
    if new.type == "space":
        if new.sdk is None:
            raise HubError(400, '"sdk" is required')
        repo.space = new_space(new.sdk, new)
    return add(repo, hub=hub, caller=caller)


@router.delete("/api/repos/delete")
def delete(gone: RepoName, hub: HubContext, caller: CallerContext) -> None:
    if caller.token is None:
        raise sign_in_first()
    repo_id = f"{gone.organization or caller.token.user.name}/{gone.name}"
    repo = visible(hub=hub, caller=caller, kind=gone.type, repo_id=repo_id)
    if not caller.may_write(repo):
        raise HubError(403, f"You don't have the rights to delete {repo_id}")
    hub.store.remove(repo)


@router.post("/api/validate-yaml")
def validate_card(card: Card) -> JSONResponse:
    report = check(card.content, kind=card.repoType)
    return JSONResponse(report.body(), 400 if report.errors else 200)


@router.get("/api/{kinds}")
def search(
    kind: KindContext,
    hub: HubContext,
    caller: CallerContext,
    search: str = "",
    author: str | None = None,
    tags: list[str] = Query(default=[], alias="filter"),  # noqa: B008  FastAPI's way
    sort: str | None = None,
    expand: list[str] = Query(default=[]),  # noqa: B008  FastAPI's way
    full: bool = False,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    found = [
        repo
        for repo in hub.store.all(kind)
        if caller.may_see(repo)
        and search.lower() in repo.repo_id.lower()
        and author in (None, repo.namespace)
        and {*tags} <= {*summary(repo, store=hub.store)["tags"]}
    ]
    if sort is not None:
        found.sort(key=lambda repo: summary(repo, store=hub.store).get(sort, 0), reverse=True)
    if full or expand:
        return [
            repo_view(repo, repo.at(repo.head), store=hub.store, blobs=False, expand=expand)
            for repo in found[:limit]
        ]
    return [summary(repo, store=hub.store) for repo in found[:limit]]


@router.put("/api/{kinds}/{namespace}/{name}/settings")
def update_settings(settings: Settings, repo: OwnedContext) -> dict[str, Any]:
    if settings.visibility is not None:
        repo.private = settings.visibility == "private"
    if settings.private is not None:
        repo.private = settings.private
    if settings.gated is not None:
        repo.gated = settings.gated
    return {"private": repo.private, "gated": repo.gated}


@router.get("/api/{kinds}/{namespace}/{name}")
def describe(
    repo: RepoContext,
    hub: HubContext,
    expand: list[str] = Query(default=[]),  # noqa: B008  FastAPI's way
    blobs: bool = False,
) -> dict[str, Any]:
    return repo_view(repo, repo.at(repo.head), store=hub.store, blobs=blobs, expand=expand)


@router.get("/api/{kinds}/{namespace}/{name}/auth-check")
def check_access(repo: RepoContext, caller: CallerContext) -> dict[str, Any]:
    if not caller.may_download(repo):
        raise gated(repo.repo_id, signed_in=caller.signed_in)
    return {}


@router.get("/api/{kinds}/{namespace}/{name}/revision/{revision}")
def describe_revision(
    repo: RepoContext,
    commit: CommitContext,
    hub: HubContext,
    expand: list[str] = Query(default=[]),  # noqa: B008  FastAPI's way
    blobs: bool = False,
) -> dict[str, Any]:
    return repo_view(repo, commit, store=hub.store, blobs=blobs, expand=expand)
