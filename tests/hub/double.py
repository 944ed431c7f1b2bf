"""The Hub as a test holds it: start it, fill it, break it, look into it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from .app import build
from .billing import Billing
from .context import Hub, url
from .faults import Delay, Fault, Faults, Hold, Recorded, matches
from .identity import Identities
from .oauth import OAuthProvider
from .people import People
from .server import Server
from .spaces import Space
from .store import Kind, Repo, Store
from .xet import XetStores

MULTIPART_OVER = 8_000_000


class HubDouble(People):
    """A Hub on 127.0.0.1 that keeps its bytes under `root`.

    Point a client at it with `environment`. Large files travel by LFS, in parts when larger than
    `multipart_over` bytes; with `xet` the client may use Xet instead, as it does by default. A
    `bare` one lacks all that not every Hub can, and its client tries Xet all the same.

        with HubDouble(root=tmp_path) as hub:
            hub.add_user(name="ada", token="hf_ada")
            subprocess.run([...], env={**os.environ, **hub.environment(home=tmp_path / "home")})
    """

    def __init__(
        self,
        *,
        root: Path,
        xet: bool = False,
        bare: bool = False,
        port: int = 0,
        multipart_over: int = MULTIPART_OVER,
    ) -> None:
        root = root.resolve()
        stores = XetStores(root / "xet") if xet else None
        self._store = Store(root, xet=stores)
        self._billing = Billing()
        self._faults = Faults()
        identities = Identities()
        oauth = OAuthProvider(identities)
        super().__init__(Hub(self._store, identities, oauth, self._billing, multipart_over))
        self._server = Server(build(self._hub, faults=self._faults, bare=bare), port=port)
        self._tries_xet = xet or bare
        # As on the real Hub, large files lie on another host, where no credential may follow.
        self._hub.endpoint = f"http://127.0.0.1:{self._server.port}"
        self._hub.storage = f"http://localhost:{self._server.port}"

    @property
    def endpoint(self) -> str:
        return self._hub.endpoint

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; after `stop`, on the same port and with everything still there."""
        self._server.start()

    def stop(self) -> None:
        """Refuse connections from now on, as when there is no network."""
        self._faults.clear()
        self._server.stop()

    def environment(self, *, home: Path, token: str | None = None) -> dict[str, str]:
        """The variables that turn a client library towards this Hub, with a cache of its own.

        They are read when the library is imported: give them to a new process.
        """
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "0" if self._tries_xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            # Empty is none: the developer's own token must not reach a test.
            "HF_TOKEN": token or "",
        }

    def add_repo(
        self,
        *,
        repo_id: str,
        kind: Kind = "model",
        files: Mapping[str, bytes] | None = None,
        private: bool = False,
        gated: Literal["auto", "manual"] | bool = False,
        granted: Iterable[str] = (),
        sdk: str | None = None,
    ) -> Repo:
        """Add a repository; `granted` names the users who have been let through its gate.

        A Space runs already, on free hardware; without `sdk` it is one of Gradio.
        """
        gate: Literal["auto", "manual", False] = "auto" if gated is True else gated
        author = repo_id.split("/")[0]
        if kind == "space":
            sdk = sdk or "gradio"
        repo = Repo(kind, repo_id, private, gate, sdk, set(granted))
        if sdk is not None and kind == "space":
            repo.space = Space(sdk)
            repo.space.settle()
        self._store.add(repo, author=author)
        if files:
            self.commit(kind=kind, repo_id=repo_id, files=files)
        return repo

    def commit(
        self, *, repo_id: str, files: Mapping[str, bytes], kind: Kind = "model", title: str = "Add"
    ) -> str:
        """Commit files as if someone else had pushed them; returns the new sha."""
        repo = self.repo(kind=kind, repo_id=repo_id)
        added = {path: self._store.file(path, data) for path, data in files.items()}
        return repo.commit({**repo.tree, **added}, author=repo.namespace, title=title).sha

    def repo(self, *, repo_id: str, kind: Kind = "model") -> Repo:
        """A repository as it is now: `private`, `head`, `commits`, `tree`.

        Raises KeyError when there is none.
        """
        repo = self._store.find(kind, repo_id)
        if repo is None:
            raise KeyError(repo_id)
        return repo

    def space(self, repo_id: str) -> Space:
        """What a Space runs on and with: `stage`, `hardware`, `secrets` and the like.

        Raises KeyError when there is no such Space.
        """
        space = self.repo(kind="space", repo_id=repo_id).space
        assert space is not None
        return space

    def unpaid(self, *namespaces: str) -> None:
        """These users and organizations, and no others, have to pay first.

        They get 402 for a new Space that runs, a copy of one, and hardware that costs.
        """
        self._billing.unpaid = set(namespaces)

    def over_quota(self, *namespaces: str) -> None:
        """These users and organizations, and no others, have no storage left.

        They get 403 for whatever adds files; deleting some goes on working.
        """
        self._billing.full = set(namespaces)

    def has_repo(self, *, repo_id: str, kind: Kind = "model") -> bool:
        return self._store.find(kind, repo_id) is not None

    def files(
        self, *, repo_id: str, kind: Kind = "model", revision: str = "main"
    ) -> dict[str, bytes]:
        """Every file's bytes at a revision, `.gitattributes` included."""
        tree = self.repo(kind=kind, repo_id=repo_id).at(revision).tree
        return {path: self._store.read(file) for path, file in tree.items()}

    def bucket_files(self, *, bucket_id: str) -> dict[str, bytes]:
        """Every file's bytes in a bucket. Raises KeyError when there is no such bucket."""
        bucket = self._store.buckets[bucket_id]
        return {
            path: self._store.blobs.path(sha).read_bytes() for path, sha in bucket.files.items()
        }

    def url(self, *, repo_id: str, kind: Kind = "model") -> str:
        return url(self.repo(kind=kind, repo_id=repo_id), hub=self._hub)

    def fail(
        self,
        *,
        path: str,
        method: str = "*",
        status: int | None = 500,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
        after: bool = False,
    ) -> Fault:
        """Fail the next `times` requests whose path holds `path`; None is until `heal`.

        `status` None closes the connection instead of answering. With `after` the request does its
        work and only the answer is lost. The returned fault counts its `hits`. A rate limit is
        `status=429, headers={"Retry-After": "2"}`.
        """
        return self._faults.add(Fault(method, path, status, times, headers or {}, after))

    def hold(self, *, path: str, method: str = "*") -> Hold:
        """Keep the next such request waiting until the returned hold is released."""
        return self._faults.hold(Hold(method=method, path=path))

    def slow(self, *, path: str, method: str = "*", seconds: float, times: int | None = 1) -> Delay:
        """Answer the next `times` such requests `seconds` late; None is until `heal`."""
        return self._faults.delay(Delay(method, path, seconds, times))

    def silence(self) -> None:
        """Take every request from now on and answer none, until `heal`."""
        self._faults.is_silent = True

    def heal(self) -> None:
        """End every fault and let every held request go."""
        self._faults.clear()

    @property
    def requests(self) -> list[Recorded]:
        """Every request so far, oldest first."""
        return list(self._faults.requests)

    def count(self, *, path: str, method: str = "*") -> int:
        """How many requests so far hold `path` in theirs."""
        return sum(matches(request, method=method, path=path) for request in self.requests)
