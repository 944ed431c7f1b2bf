"""Repositories and their commits in memory, the bytes of every file on disk."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from .blobs import Blobs
from .errors import HubError, revision_not_found
from .spaces import Space
from .tracking import GITATTRIBUTES, upload_mode
from .xet import XetStores

Kind = Literal["model", "dataset", "space"]
KINDS: Mapping[str, Kind] = {"models": "model", "datasets": "dataset", "spaces": "space"}
MAIN = "main"
SHORTEST_SHA = 7


@dataclass(frozen=True)
class File:
    """A file of a commit; its bytes lie in the blobs under `sha256`."""

    size: int
    sha256: str
    git_oid: str
    lfs: bool = False
    xet_hash: str | None = None

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid

    @property
    def pointer(self) -> bytes:
        return lfs_pointer(sha256=self.sha256, size=self.size)


@dataclass(frozen=True)
class Commit:
    """A snapshot: the whole tree, and who made it when."""

    sha: str
    parent: str | None
    title: str
    description: str
    author: str
    date: str
    tree: Mapping[str, File]


@dataclass(frozen=True)
class PullRequest:
    """A proposal to a repository; its commits lie on the branch `ref`."""

    number: int
    title: str
    description: str
    author: str
    date: str

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass
class Repo:
    """A repository: its settings, every commit ever made, and where each branch stands."""

    kind: Kind
    repo_id: str
    private: bool = False
    gated: Literal["auto", "manual", False] = False
    sdk: str | None = None
    granted: set[str] = field(default_factory=set)
    made_by_app: str | None = None
    space: Space | None = None
    history: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: list[PullRequest] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.repo_id.split("/")[0]

    @property
    def head(self) -> str:
        """The sha that `main` stands at."""
        return self.branches[MAIN]

    @property
    def commits(self) -> list[Commit]:
        """The commits of `main`, oldest first."""
        return [*self.log(MAIN)][::-1]

    @property
    def tree(self) -> Mapping[str, File]:
        return self.history[self.head].tree

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a (short) sha names.

        Raises HubError when nothing has that name.
        """
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or name
        if sha in self.history:
            return self.history[sha]
        matches = [known for known in self.history if known.startswith(sha)]
        if len(sha) >= SHORTEST_SHA and len(matches) == 1:
            return self.history[matches[0]]
        raise revision_not_found(revision)

    def log(self, revision: str) -> Iterable[Commit]:
        """The commits that lead to a revision, newest first."""
        sha: str | None = self.at(revision).sha
        while sha is not None:
            yield self.history[sha]
            sha = self.history[sha].parent

    def commit(
        self,
        tree: Mapping[str, File],
        *,
        author: str,
        title: str,
        description: str = "",
        branch: str = MAIN,
    ) -> Commit:
        parent = self.branches.get(branch)
        etags = sorted((path, file.etag) for path, file in tree.items())
        seed = f"{self.kind} {self.repo_id} {parent} {title} {len(self.history)} {etags}"
        sha = hashlib.sha1(seed.encode()).hexdigest()
        commit = Commit(sha, parent, title, description, author, _now(), dict(tree))
        self.history[sha] = commit
        self.branches[branch] = sha
        return commit

    def squash(self, branch: str, *, author: str, title: str) -> Commit:
        """Replace all that led to a branch by one commit; what nothing else leads to is lost."""
        tree = self.at(branch).tree
        del self.branches[branch]
        made = self.commit(tree, author=author, title=title, branch=branch)
        kept = {
            commit.sha
            for tip in {*self.branches.values(), *self.tags.values()}
            for commit in self.log(tip)
        }
        self.history = {sha: commit for sha, commit in self.history.items() if sha in kept}
        return made

    def take_history(self, source: "Repo") -> None:
        """Stand where another repository stands, with all that led there."""
        self.history = dict(source.history)
        proposed = {made.ref for made in source.pull_requests}
        self.branches = {name: sha for name, sha in source.branches.items() if name not in proposed}
        self.tags = dict(source.tags)

    def propose(self, *, author: str, title: str, description: str) -> PullRequest:
        """Open a pull request whose branch begins where `main` stands."""
        number = len(self.pull_requests) + 1
        made = PullRequest(number, title, description, author, _now())
        self.pull_requests.append(made)
        self.branches[made.ref] = self.head
        return made

    def is_proposed_by(self, user: str) -> bool:
        return any(made.author == user for made in self.pull_requests)


@dataclass
class Bucket:
    """Files by path, each as the sha256 of its bytes; the newest one of a path is all there is."""

    private: bool = False
    files: dict[str, str] = field(default_factory=dict)


class Store:
    """Every repository of the Hub, by kind and id."""

    def __init__(self, root: Path, *, xet: XetStores | None) -> None:
        self.blobs = Blobs(root / "blobs")
        self.xet = xet
        self.buckets: dict[str, Bucket] = {}
        self._repos: dict[tuple[Kind, str], Repo] = {}

    def add(self, repo: Repo, *, author: str) -> Repo:
        """Create a repository with the commit that the Hub starts each with."""
        tree = {".gitattributes": self.regular(GITATTRIBUTES)}
        repo.commit(tree, author=author, title="initial commit")
        self._repos[repo.kind, repo.repo_id] = repo
        return repo

    def find(self, kind: Kind, repo_id: str) -> Repo | None:
        return self._repos.get((kind, repo_id))

    def remove(self, repo: Repo) -> None:
        del self._repos[repo.kind, repo.repo_id]

    def all(self, kind: Kind) -> list[Repo]:
        return [repo for repo in self._repos.values() if repo.kind == kind]

    def regular(self, data: bytes) -> File:
        return File(size=len(data), sha256=self.blobs.add(data), git_oid=git_oid(data))

    def large(self, sha256: str) -> File:
        """The LFS file of bytes that the blobs hold."""
        path = self.blobs.path(sha256)
        size = path.stat().st_size
        return File(
            size=size,
            sha256=sha256,
            git_oid=git_oid(lfs_pointer(sha256=sha256, size=size)),
            lfs=True,
            xet_hash=None if self.xet is None else self.xet.take(path, sha256=sha256),
        )

    def file(self, path: str, data: bytes) -> File:
        if upload_mode(path, size=len(data), sample=data[:512]) == "regular":
            return self.regular(data)
        return self.large(self.blobs.add(data))

    def has_uploaded(self, sha256: str) -> bool:
        """Whether a large file's bytes have arrived, by LFS or by Xet."""
        if self.blobs.has(sha256):
            return True
        path = self.blobs.scratch()
        if self.xet is None or not self.xet.recover(sha256, to=path):
            return False
        self.blobs.adopt(path, expected=sha256)
        return True

    def received(self, xet_hash: str) -> str:
        """The sha256 of a file that came by Xet, once its bytes are among the blobs."""
        path = self.blobs.scratch()
        if self.xet is None or not self.xet.recover_named(xet_hash, to=path):
            raise HubError(422, f"No such object: {xet_hash}")
        return self.blobs.adopt(path)

    def read(self, file: File) -> bytes:
        return self.blobs.path(file.sha256).read_bytes()

    def beginning(self, file: File, *, size: int) -> bytes:
        with self.blobs.path(file.sha256).open("rb") as opened:
            return opened.read(size)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def git_oid(data: bytes) -> str:
    """The name that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def lfs_pointer(*, sha256: str, size: int) -> bytes:
    lines = ["version https://git-lfs.github.com/spec/v1", f"oid sha256:{sha256}", f"size {size}"]
    return "".join(f"{line}\n" for line in lines).encode()
