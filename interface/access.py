"""Who may do what. Every handler that acts asks here, for a hidden button can still be called."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr
from pydantic import SecretStr

from core.errors import UserError
from core.settings import Settings


class Access:
    """Decides for a request whether it comes from someone who may act, and with whose token.

    Off a Space that is everyone who reaches the server: it listens on loopback, or behind a
    password. On a Space it is the owner, or a member of the owning organization.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def may_act(self, request: gr.Request) -> bool:
        return self.session_may_act(_session(request))

    def session_may_act(self, session: Mapping[str, Any]) -> bool:
        space = self._settings.space
        if space is None:
            return True
        return space.owner.lower() in self._names(session)

    def require(self, request: gr.Request) -> None:
        """Raises UserError when the request comes from someone who may only look."""
        if not self.may_act(request):
            raise UserError(
                "Only the owner of this Space can do this.",
                hint="Sign in as its owner, or duplicate the Space and run your own.",
            )

    def token(self, request: gr.Request) -> SecretStr | None:
        """The token that a run of this request may use; none for someone who may not act."""
        if not self.may_act(request):
            return None
        if self._settings.token is not None or self._settings.space is None:
            return self._settings.token
        info = self._sign_in(_session(request))
        return SecretStr(info["access_token"]) if info.get("access_token") else None

    def _names(self, session: Mapping[str, Any]) -> set[str]:
        """Who the person is: their own name and the names of their organizations."""
        user = self._sign_in(session).get("userinfo") or {}
        named = [user, *(user.get("orgs") or [])]
        return {str(n["preferred_username"]).lower() for n in named if n.get("preferred_username")}

    def _sign_in(self, session: Mapping[str, Any]) -> dict[str, Any]:
        space = self._settings.space
        if space is None or not space.has_sign_in:
            return {}
        info = session.get("oauth_info") or {}
        return info if info.get("expires_at", 0) > time.time() else {}


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Have the page show what a person can put right, without a traceback."""
    try:
        yield
    except UserError as error:
        # Gradio renders this as HTML.
        raise gr.Error(
            escape(str(error)), title="That didn't work", print_exception=False
        ) from error


def _session(request: gr.Request) -> Mapping[str, Any]:
    scope = request.request.scope if request.request is not None else {}
    session: Mapping[str, Any] = scope.get("session") or {}
    return session
