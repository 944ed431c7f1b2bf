"""Branches, tags and the history."""

from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter
from pydantic import BaseModel

from .context import CallerContext, CommitContext, OwnedContext, RepoContext, WritableContext
from .errors import HubError, revision_not_found
from .views import commit_view

router = APIRouter()


class Start(BaseModel):
    startingPoint: str = "main"


class Tag(BaseModel):
    tag: str
    message: str | None = None


class Message(BaseModel):
    message: str


@router.get("/api/{kinds}/{namespace}/{name}/refs")
def list_refs(repo: RepoContext) -> dict[str, Any]:
    proposed = {made.ref for made in repo.pull_requests}
    branches = {name: sha for name, sha in repo.branches.items() if name not in proposed}
    return {
        "branches": _refs(branches, under="refs/heads"),
        "tags": _refs(repo.tags, under="refs/tags"),
        "converts": [],
        "pullRequests": [
            {"name": made.ref, "ref": made.ref, "targetCommit": repo.branches[made.ref]}
            for made in repo.pull_requests
        ],
    }


@router.get("/api/{kinds}/{namespace}/{name}/commits/{revision}")
def list_commits(repo: RepoContext, commit: CommitContext) -> list[dict[str, Any]]:
    return [commit_view(past) for past in repo.log(commit.sha)]


@router.post("/api/{kinds}/{namespace}/{name}/branch/{branch}")
def create_branch(branch: str, start: Start, repo: WritableContext) -> None:
    _point(repo.branches, unquote(branch), to=repo.at(start.startingPoint).sha)


@router.post("/api/{kinds}/{namespace}/{name}/tag/{revision}")
def create_tag(tag: Tag, repo: WritableContext, commit: CommitContext) -> None:
    _point(repo.tags, tag.tag, to=commit.sha)


@router.post("/api/{kinds}/{namespace}/{name}/super-squash/{branch}")
def squash(branch: str, message: Message, repo: OwnedContext, caller: CallerContext) -> None:
    name = unquote(branch)
    if name not in repo.branches:
        raise revision_not_found(name)
    assert caller.token is not None
    repo.squash(name, author=caller.token.user.name, title=message.message)


def _refs(names: dict[str, str], *, under: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{under}/{name}", "targetCommit": sha} for name, sha in names.items()
    ]


def _point(names: dict[str, str], name: str, *, to: str) -> None:
    if name in names:
        raise HubError(409, f"Reference already exists: {name}")
    names[name] = to
