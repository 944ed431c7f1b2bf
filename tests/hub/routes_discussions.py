"""Pull requests: opened, listed and looked at. There are no other discussions here."""

from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from .context import CallerContext, RepoContext
from .errors import HubError, sign_in_first
from .store import PullRequest, Repo

router = APIRouter()


class NewDiscussion(BaseModel):
    title: str
    description: str
    pullRequest: bool


@router.post("/api/{kinds}/{namespace}/{name}/discussions")
def open_pull_request(
    new: NewDiscussion, repo: RepoContext, caller: CallerContext
) -> dict[str, Any]:
    if caller.token is None:
        raise sign_in_first()
    if caller.token.app is not None and "write-discussions" not in caller.token.agreed:
        raise HubError(403, "This token lacks the scope write-discussions")
    if not new.pullRequest:
        raise HubError(400, "This double opens pull requests alone")
    if len(new.title.strip()) < 3:
        raise HubError(400, '"title" must have at least 3 characters')
    author = caller.token.user.name
    made = repo.propose(author=author, title=new.title, description=new.description)
    return _view(made, repo=repo)


@router.get("/api/{kinds}/{namespace}/{name}/discussions")
def list_discussions(
    repo: RepoContext,
    author: str | None = None,
    kind: Literal["all", "discussion", "pull_request"] = Query("all", alias="type"),
    status: Literal["all", "open", "closed"] = "all",
) -> dict[str, Any]:
    found = [made for made in repo.pull_requests if author in (None, made.author)]
    if kind == "discussion" or status == "closed":
        found = []
    newest_first = [_view(made, repo=repo) for made in reversed(found)]
    return {"discussions": newest_first, "count": len(found), "start": 0}


@router.get("/api/{kinds}/{namespace}/{name}/discussions/{number}")
def show(number: int, repo: RepoContext) -> dict[str, Any]:
    if not 0 < number <= len(repo.pull_requests):
        raise HubError(404, "Discussion not found")
    return _view(repo.pull_requests[number - 1], repo=repo)


def _view(made: PullRequest, *, repo: Repo) -> dict[str, Any]:
    return {
        "num": made.number,
        "title": made.title,
        "status": "open",
        "isPullRequest": True,
        "author": {"name": made.author},
        "createdAt": made.date,
        "repo": {"name": repo.repo_id, "type": repo.kind},
        "changes": {"base": "refs/heads/main"},
        "filesWithConflicts": [],
        "events": [
            {
                "id": f"{made.number}-0",
                "type": "comment",
                "createdAt": made.date,
                "author": {"name": made.author},
                "data": {
                    "edited": False,
                    "hidden": False,
                    "latest": {"raw": made.description},
                },
            }
        ],
    }
