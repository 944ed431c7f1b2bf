"""The Hub as a test holds it: start it, fill it, break it, look into it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from .app import build
from .billing import Billing
from .context import Hub, url
from .faults import Delay, Fault, Faults, Hold, Recorded, matches
from .identity import Identities, Role, Token
from .oauth import SCOPES, OAuthApp, OAuthProvider, check_scopes
from .server import Server
from .spaces import Space
from .store import Kind, Repo, Store
from .xet import XetStores

MULTIPART_OVER = 8_000_000
EIGHT_HOURS = 8 * 60 * 60
APP_SCOPES = ("openid", "profile", "contribute-repos", "gated-repos")


class HubDouble:
    """A Hub on 127.0.0.1 that keeps its bytes under `root`.

    Point a client at it with `environment`. Large files travel by LFS, in parts when larger than
    `multipart_over` bytes; with `xet` the client may use Xet instead, as it does by default.

        with HubDouble(root=tmp_path) as hub:
            hub.add_user(name="ada", token="hf_ada")
            subprocess.run([...], env={**os.environ, **hub.environment(home=tmp_path / "home")})
    """

    def __init__(
        self,
        *,
        root: Path,
        xet: bool = False,
        port: int = 0,
        multipart_over: int = MULTIPART_OVER,
    ) -> None:
        root = root.resolve()
        stores = XetStores(root / "xet") if xet else None
        self._store = Store(root, xet=stores)
        self._identities = Identities()
        self._oauth = OAuthProvider(self._identities)
        self._billing = Billing()
        self._faults = Faults()
        self._hub = Hub(self._store, self._identities, self._oauth, self._billing, multipart_over)
        self._server = Server(build(self._hub, faults=self._faults), port=port)
        self._xet = xet
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
            "HF_HUB_DISABLE_XET": "0" if self._xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            # Empty is none: the developer's own token must not reach a test.
            "HF_TOKEN": token or "",
        }

    def add_user(
        self,
        *,
        name: str,
        token: str,
        role: str = Role.WRITE,
        orgs: Mapping[str, str] | None = None,
        scopes: Mapping[str, Sequence[str]] | None = None,
        reads_gated: bool = True,
    ) -> None:
        """Add a user with a token, or another token to a user who is there.

        `role` is write, read, fineGrained or oauth, the last for a token that nothing was asked
        for (`give_oauth_token` makes one with scopes and an end); `orgs` gives the user's role in
        each organization. A fine-grained token may do what `scopes` lists for a namespace or a
        repository, such as `{"ada": ["repo.write"]}`.
        """
        user = self._identities.user(name)
        user.orgs.update(orgs or {})
        self._identities.add(Token(token, user, Role(role), scopes or {}, reads_gated))

    def add_oauth_app(
        self,
        *,
        client_id: str = "smolfactory",
        client_secret: str = "app-secret",
        scopes: Sequence[str] = APP_SCOPES,
        expires_in: int = EIGHT_HOURS,
        tells_orgs: bool = False,
    ) -> None:
        """Register an application that people may sign in to; its tokens live `expires_in` seconds.

        It may ask for `scopes` and no others. The user's organizations are told by whoami and by
        `/oauth/userinfo`; with `tells_orgs` the signed identity names them too, so that they lie in
        the session: gr.OAuthProfile then has them, but Gradio 6.31 cannot hold a list in
        `gr.Request.session`, so that gr.LoginButton doesn't learn who is signed in.
        """
        self._oauth.add(
            OAuthApp(client_id, client_secret, check_scopes(scopes), expires_in, tells_orgs)
        )

    def oauth_environment(self) -> dict[str, str]:
        """The variables that a Space gives an app with sign-in, for the application added last.

        Beside them a Gradio app needs SYSTEM=spaces and SPACE_ID, or it mocks signing in, and, to
        be like a Space, SPACE_HOST: `127.0.0.1:PORT` works. Gradio then names
        `https://127.0.0.1:PORT/login/callback` as the way back, and this Hub sends the browser
        there by http, as nobody speaks TLS on this machine.

        The session lies in a Secure cookie, which browsers keep up to 4096 bytes. Chromium takes
        and sends it on http://127.0.0.1; httpx and requests take it and never send it, so a test
        that uses them hands it over itself.
        """
        app = self._oauth.newest
        return {
            "OAUTH_CLIENT_ID": app.client_id,
            "OAUTH_CLIENT_SECRET": app.client_secret,
            "OAUTH_SCOPES": " ".join(scope for scope in SCOPES if scope in app.scopes),
            "OPENID_PROVIDER_URL": self.endpoint,
        }

    def sign_in_as(self, name: str | None) -> None:
        """Whoever is asked to authorize an application is this user and agrees at once.

        None brings the page back, with a button `Authorize as NAME` for each user and `Deny`.

        Raises KeyError when there is no such user.
        """
        if name is not None and name not in self._identities.users:
            raise KeyError(name)
        self._oauth.signs_in = name

    def give_oauth_token(self, *, name: str, scopes: Sequence[str] | None = None) -> str:
        """A token as the application added last gets one when the user signs in, without a page."""
        app = self._oauth.newest
        agreed = app.scopes if scopes is None else check_scopes(scopes)
        user = self._identities.user(name)
        return self._oauth.give_token(app=app, user=user, scopes=agreed).value

    def revoke(self, *, token: str) -> None:
        self._identities.revoke(token)

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
