"""The people of a Hub, their tokens, and the applications they sign in to."""

from collections.abc import Mapping, Sequence

from .context import Hub
from .identity import Role, Token
from .oauth import SCOPES, OAuthApp, check_scopes

EIGHT_HOURS = 8 * 60 * 60
APP_SCOPES = ("openid", "profile", "contribute-repos", "gated-repos")


class People:
    """What a test says of who there is: users, tokens, applications, and who signs in."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

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
        user = self._hub.identities.user(name)
        user.orgs.update(orgs or {})
        self._hub.identities.add(Token(token, user, Role(role), scopes or {}, reads_gated))

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
        self._hub.oauth.add(
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
        app = self._hub.oauth.newest
        return {
            "OAUTH_CLIENT_ID": app.client_id,
            "OAUTH_CLIENT_SECRET": app.client_secret,
            "OAUTH_SCOPES": " ".join(scope for scope in SCOPES if scope in app.scopes),
            "OPENID_PROVIDER_URL": self._hub.endpoint,
        }

    def sign_in_as(self, name: str | None) -> None:
        """Whoever is asked to authorize an application is this user and agrees at once.

        None brings the page back, with a button `Authorize as NAME` for each user and `Deny`.

        Raises KeyError when there is no such user.
        """
        if name is not None and name not in self._hub.identities.users:
            raise KeyError(name)
        self._hub.oauth.signs_in = name

    def give_oauth_token(self, *, name: str, scopes: Sequence[str] | None = None) -> str:
        """A token as the application added last gets one when the user signs in, without a page."""
        app = self._hub.oauth.newest
        agreed = app.scopes if scopes is None else check_scopes(scopes)
        user = self._hub.identities.user(name)
        return self._hub.oauth.give_token(app=app, user=user, scopes=agreed).value

    def revoke(self, *, token: str) -> None:
        self._hub.identities.revoke(token)
