"""Listing files and fetching their bytes."""

from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Form
from fastapi.responses import FileResponse, RedirectResponse, Response

from .context import CallerContext, CommitContext, Hub, HubContext, RepoContext
from .errors import HubError, entry_not_found, gated
from .store import Commit, File, Repo
from .views import file_view, folder_view, folders

router = APIRouter()


@router.get("/api/{kinds}/{namespace}/{name}/tree/{revision}")
def list_root(
    commit: CommitContext, recursive: bool = False, expand: bool = False
) -> list[dict[str, Any]]:
    return _listing(commit, under="", recursive=recursive, expand=expand)


@router.get("/api/{kinds}/{namespace}/{name}/tree/{revision}/{path:path}")
def list_folder(
    path: str, commit: CommitContext, recursive: bool = False, expand: bool = False
) -> list[dict[str, Any]]:
    folder = unquote(path).strip("/")
    if folder not in folders(commit.tree):
        message = f'{folder} does not exist on "{commit.sha}"'
        raise entry_not_found(commit=commit.sha, message=message)
    return _listing(commit, under=f"{folder}/", recursive=recursive, expand=expand)


@router.post("/api/{kinds}/{namespace}/{name}/paths-info/{revision}")
def describe_paths(
    commit: CommitContext,
    paths: Annotated[list[str], Form()],
    expand: Annotated[bool, Form()] = False,
) -> list[dict[str, Any]]:
    known = folders(commit.tree)
    wanted = [path.strip("/") for path in paths]
    return [
        _entry(path, commit=commit, expand=expand)
        for path in wanted
        if path in known or path in commit.tree
    ]


@router.api_route("/{namespace}/{name}/resolve/{revision}/{path:path}", methods=["GET", "HEAD"])
@router.api_route(
    "/{kinds}/{namespace}/{name}/resolve/{revision}/{path:path}", methods=["GET", "HEAD"]
)
def fetch(
    path: str, repo: RepoContext, commit: CommitContext, hub: HubContext, caller: CallerContext
) -> Response:
    if not caller.may_download(repo):
        raise gated(repo.repo_id, signed_in=caller.signed_in)
    if path not in commit.tree:
        raise entry_not_found(commit=commit.sha)
    file = commit.tree[path]
    headers = {"X-Repo-Commit": commit.sha}
    if file.lfs:
        headers |= _large(repo, file, commit=commit, hub=hub)
        return RedirectResponse(f"{hub.storage}/stored/{file.sha256}", 302, headers)
    headers["ETag"] = f'"{file.etag}"'
    return FileResponse(hub.store.blobs.path(file.sha256), headers=headers)


@router.api_route("/stored/{sha256}", methods=["GET", "HEAD"])
def fetch_stored(sha256: str, hub: HubContext) -> Response:
    if not hub.store.blobs.has(sha256):
        raise HubError(404, "No such object")
    return FileResponse(hub.store.blobs.path(sha256), headers={"ETag": f'"{sha256}"'})


def _listing(commit: Commit, *, under: str, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    here = str(PurePosixPath(under))
    paths = [
        path
        for path in sorted({*folders(commit.tree), *commit.tree})
        if path.startswith(under) and (recursive or str(PurePosixPath(path).parent) == here)
    ]
    return [_entry(path, commit=commit, expand=expand) for path in paths]


def _entry(path: str, *, commit: Commit, expand: bool) -> dict[str, Any]:
    file = commit.tree.get(path)
    if file is None:
        return folder_view(path, commit=commit, expand=expand)
    return file_view(path, file, commit=commit, expand=expand)


def _large(repo: Repo, file: File, *, commit: Commit, hub: Hub) -> dict[str, str]:
    headers = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    if file.xet_hash is not None:
        route = f"{hub.endpoint}/api/{repo.kind}s/{repo.repo_id}/xet-read-token/{commit.sha}"
        headers |= {"X-Xet-Hash": file.xet_hash, "Link": f'<{route}>; rel="xet-auth"'}
    return headers
