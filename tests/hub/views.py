"""Repositories, commits and files as the JSON that the Hub describes them in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from .metadata import card_data
from .store import Commit, File, Repo, Store, git_oid

SMALLEST_HEADER, LARGEST_HEADER = 8, 1_000_000


def summary(repo: Repo, *, store: Store) -> dict[str, Any]:
    """A repository as a search result."""
    tip = repo.at(repo.head)
    oldest = repo.commits[0]
    return {
        "_id": oldest.sha[:24],
        "id": repo.repo_id,
        "author": repo.namespace,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": _tags(_card(tip, store=store)),
        "createdAt": oldest.date,
        "lastModified": tip.date,
    }


def repo_view(
    repo: Repo, commit: Commit, *, store: Store, blobs: bool, expand: Sequence[str]
) -> dict[str, Any]:
    """A repository at a commit; with `expand`, only the properties asked for."""
    card = _card(commit, store=store)
    view = {
        **summary(repo, store=store),
        "sha": commit.sha,
        "lastModified": commit.date,
        "cardData": card,
        "tags": _tags(card),
        "siblings": [
            sibling(path, file, blobs=blobs) for path, file in sorted(commit.tree.items())
        ],
        "usedStorage": sum(file.size for file in commit.tree.values()),
    }
    if repo.kind == "model":
        view |= {"modelId": repo.repo_id} | _model(commit, card, store=store)
    if repo.space is not None:
        view |= {"sdk": repo.sdk, "subdomain": repo.repo_id.replace("/", "-")}
        view["runtime"] = repo.space.view()
    if expand:
        return {key: view[key] for key in ("_id", "id", *expand) if key in view}
    return view


def sibling(path: str, file: File, *, blobs: bool) -> dict[str, Any]:
    """A file in a repository's description; `blobs` adds what it weighs."""
    view: dict[str, Any] = {"rfilename": path}
    if blobs:
        view |= {"size": file.size, "blobId": file.git_oid}
    if blobs and file.lfs:
        pointer_size = len(file.pointer)
        view["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": pointer_size}
    return view


def file_view(path: str, file: File, *, commit: Commit, expand: bool) -> dict[str, Any]:
    """A file as the tree lists it."""
    view = {"type": "file", "oid": file.git_oid, "size": file.size, "path": path}
    if file.lfs:
        pointer_size = len(file.pointer)
        view["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer_size}
    if file.xet_hash is not None:
        view["xetHash"] = file.xet_hash
    return view | (_last_commit(commit) if expand else {})


def folder_view(path: str, *, commit: Commit, expand: bool) -> dict[str, Any]:
    """A folder as the tree lists it."""
    inside = sorted(name for name in commit.tree if name.startswith(f"{path}/"))
    oid = git_oid(" ".join([path, *(commit.tree[name].etag for name in inside)]).encode())
    view = {"type": "directory", "oid": oid, "size": 0, "path": path}
    return view | (_last_commit(commit) if expand else {})


def folders(tree: Mapping[str, File]) -> set[str]:
    """Every folder that the paths of a tree go through."""
    parents = (parent for path in tree for parent in PurePosixPath(path).parents)
    return {str(parent) for parent in parents} - {"."}


def commit_view(commit: Commit) -> dict[str, Any]:
    """A commit as the history lists it."""
    return {
        "id": commit.sha,
        "title": commit.title,
        "message": commit.description,
        "authors": [{"user": commit.author, "avatar": ""}],
        "date": commit.date,
    }


def _last_commit(commit: Commit) -> dict[str, Any]:
    return {
        "lastCommit": {"id": commit.sha, "title": commit.title, "date": commit.date},
        "securityFileStatus": {"status": "unscanned"},
    }


def _card(commit: Commit, *, store: Store) -> dict[str, Any]:
    readme = commit.tree.get("README.md")
    return {} if readme is None else card_data(store.read(readme).decode(errors="replace"))


def _tags(card: Mapping[str, Any]) -> list[str]:
    """The tags of a card, and those that the Hub makes of its other entries."""
    named = [card.get("library_name"), card.get("pipeline_tag"), *_listed(card, "language")]
    prefixed = [
        f"{prefix}:{value}"
        for key, prefix in (
            ("base_model", "base_model"),
            ("datasets", "dataset"),
            ("license", "license"),
        )
        for value in _listed(card, key)
    ]
    own = [tag for tag in [*_listed(card, "tags"), *named] if tag]
    return [*dict.fromkeys([*own, *prefixed]), "region:us"]


def _listed(card: Mapping[str, Any], key: str) -> list[str]:
    value = card.get(key)
    values = value if isinstance(value, list) else [value]
    return [value for value in values if isinstance(value, str)]


def _model(commit: Commit, card: Mapping[str, Any], *, store: Store) -> dict[str, Any]:
    view: dict[str, Any] = {
        "pipeline_tag": card.get("pipeline_tag"),
        "library_name": card.get("library_name"),
    }
    config = commit.tree.get("config.json")
    if config is not None:
        values = json.loads(store.read(config))
        view["config"] = {key: values.get(key) for key in ("architectures", "model_type")}
    counts: dict[str, int] = {}
    for path, file in commit.tree.items():
        if path.endswith(".safetensors"):
            _count(store.beginning(file, size=LARGEST_HEADER), counts)
    if counts:
        view["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
    return view


def _count(weights: bytes, counts: dict[str, int]) -> None:
    length = int.from_bytes(weights[:SMALLEST_HEADER], "little")
    try:
        header = json.loads(weights[SMALLEST_HEADER : SMALLEST_HEADER + length])
    except ValueError:
        return
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1
            for side in tensor["shape"]:
                size *= side
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + size
