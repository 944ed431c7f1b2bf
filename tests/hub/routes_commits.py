"""Commits: how each file should travel, and the commit itself."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from pydantic import BaseModel

from .context import (
    CallerContext,
    CommitContext,
    Hub,
    HubContext,
    WritableContext,
    needs_room,
    url,
)
from .errors import HubError, entry_not_found, revision_not_found
from .metadata import check
from .store import Commit, File, Kind, Repo
from .tracking import LARGEST_REGULAR, upload_mode

router = APIRouter()

DANGLING = (
    "Your push was rejected because an LFS pointer pointed to a file that does not exist. For "
    "instance, this can happen if you used git push --no-verify to push your changes. "
    "Offending file: - "
)


class Planned(BaseModel):
    path: str
    sample: str = ""
    size: int


class Plan(BaseModel):
    files: list[Planned]


@router.post("/api/{kinds}/{namespace}/{name}/preupload/{revision}", dependencies=[needs_room])
def plan_upload(plan: Plan, commit: CommitContext) -> dict[str, Any]:
    files = [_mode(file, commit.tree.get(file.path)) for file in plan.files]
    return {"commitOid": commit.sha, "files": files}


@router.post("/api/{kinds}/{namespace}/{name}/commit/{revision}")
async def commit(
    revision: str,
    request: Request,
    repo: WritableContext,
    hub: HubContext,
    caller: CallerContext,
    create_pr: bool = False,
) -> dict[str, Any]:
    if create_pr:
        raise HubError(400, "This double opens pull requests by themselves, not with a commit")
    branch = unquote(revision)
    if branch not in repo.branches:
        raise revision_not_found(branch)
    lines = [json.loads(line) for line in (await request.body()).splitlines() if line.strip()]
    if not lines or lines[0]["key"] != "header":
        raise HubError(400, "The first line of a commit must be its header")
    header = lines[0]["value"]
    _check_parent(header, head=repo.branches[branch])
    if any(line["key"] in ("file", "lfsFile") for line in lines):
        hub.billing.check_storage(repo.namespace, private=repo.private)
    tree = _changed(repo.at(branch), lines[1:], kind=repo.kind, hub=hub)
    assert caller.token is not None
    made = repo.commit(
        tree,
        author=caller.token.user.name,
        title=header["summary"],
        description=header.get("description", ""),
        branch=branch,
    )
    return _answer(made, repo=repo, hub=hub)


def _mode(planned: Planned, present: File | None) -> dict[str, Any]:
    sample = base64.b64decode(planned.sample)
    return {
        "path": planned.path,
        "uploadMode": upload_mode(planned.path, size=planned.size, sample=sample),
        "shouldIgnore": False,
        **({} if present is None else {"oid": present.etag}),
    }


def _check_parent(header: dict[str, Any], *, head: str) -> None:
    parent = header.get("parentCommit")
    if parent is not None and not head.startswith(parent):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")


def _changed(
    base: Commit, operations: list[dict[str, Any]], *, kind: Kind, hub: Hub
) -> dict[str, File]:
    tree = dict(base.tree)
    for operation in operations:
        key, value = operation["key"], operation["value"]
        path = value["path"]
        if key == "file":
            tree[path] = _regular(value, kind=kind, hub=hub)
        elif key == "lfsFile":
            tree[path] = _large(value, hub=hub)
        elif key in ("deletedFile", "deletedFolder"):
            for gone in _deleted(path, tree=tree, whole=key == "deletedFolder", base=base):
                del tree[gone]
        else:
            raise HubError(400, f"Unknown operation: {key}")
    return tree


def _regular(value: dict[str, Any], *, kind: Kind, hub: Hub) -> File:
    data = base64.b64decode(value["content"])
    if len(data) >= LARGEST_REGULAR:
        message = "Your push was rejected because it contains files larger than 10 MiB."
        raise HubError(400, f"{message} Offending file: - {value['path']}")
    if value["path"] == "README.md":
        report = check(data.decode(errors="replace"), kind=kind)
        if report.errors:
            raise HubError(400, "Invalid metadata in README.md", body=report.body())
    return hub.store.regular(data)


def _large(value: dict[str, Any], *, hub: Hub) -> File:
    if not hub.store.has_uploaded(value["oid"]):
        raise HubError(400, DANGLING + value["path"])
    return hub.store.large(value["oid"])


def _deleted(path: str, *, tree: dict[str, File], whole: bool, base: Commit) -> Iterator[str]:
    folder = path.rstrip("/") + "/"
    gone = [name for name in tree if (name.startswith(folder) if whole else name == path)]
    if not gone:
        message = f"A {'folder' if whole else 'file'} with this name doesn't exist: {path}"
        raise entry_not_found(commit=base.sha, message=message)
    return iter(gone)


def _answer(made: Commit, *, repo: Repo, hub: Hub) -> dict[str, Any]:
    return {
        "success": True,
        "commitOid": made.sha,
        "commitUrl": f"{url(repo, hub=hub)}/commit/{made.sha}",
        "hookOutput": "",
    }
