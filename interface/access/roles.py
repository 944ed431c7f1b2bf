"""Who may do what. Every handler that acts asks here, for a hidden button can still be called."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import gradio as gr
from pydantic import SecretStr

from core.errors import HubUnreachable, InvalidConfig, UserError
from core.hub.account import WRITING_ROLES, account, key_of
from core.settings import Settings
from interface.display.render import render

# Sign-ins whose organizations are remembered.
MAX_REMEMBERED = 10_000
BELIEVED_SECONDS = 600.0


class Role(StrEnum):
    """What somebody is to this installation."""

    # At the machine itself, or with its password.
    LOCAL = "local"
    OWNER = "owner"
    MEMBER = "member"
    ALLOWED = "allowed"
    # Signed in, but not one of those.
    STRANGER = "stranger"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Person:
    """Who a request comes from. `token_ends` is when their sign-in does, in seconds since 1970."""

    role: Role
    name: str = ""
    token_ends: float | None = None

    @property
    def may_act(self) -> bool:
        return self.role not in (Role.STRANGER, Role.NOBODY)


class Access:
    """Decides for a request whether it comes from someone who may act, and with whose token.

    Off a Space that is everyone who reaches the server: it listens on loopback, or behind a
    password. On a Space it is the owner, a member of the owning organization, or one of those
    whom SMOLFACTORY_ALLOWED names.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._organizations: dict[str, tuple[float, frozenset[str]]] = {}

    @property
    def on_space(self) -> bool:
        return self._settings.space is not None

    def meet(self, request: gr.Request) -> None:
        """Find out which organizations somebody writes in, every ten minutes at most.

        A sign-in need not tell of them, so the Hub is asked: as the page opens, and not at a tick.
        """
        token = self.own_token(request)
        if token is None or self.person(request).role is Role.OWNER:
            return
        key, now = key_of(token), time.monotonic()
        asked, _ = self._organizations.get(key, (float("-inf"), frozenset()))
        if now - asked < BELIEVED_SECONDS:
            return
        try:
            # Who may only read there must not spend there.
            names = account(token).writable
        except HubUnreachable:
            # Asked again when they next open the page, or ask for something.
            return
        except UserError:
            # A sign-in that was revoked speaks for nobody.
            names = frozenset()
        if len(self._organizations) >= MAX_REMEMBERED:
            self._organizations.clear()
        self._organizations[key] = (now, frozenset(name.lower() for name in names))

    def person(self, request: gr.Request) -> Person:
        return self._person(_session(request))

    def may_act(self, request: gr.Request) -> bool:
        return self.person(request).may_act

    def session_person(self, session: Mapping[str, Any]) -> Person:
        """Who a request comes from that no handler of the page sees."""
        return self._person(session)

    def require(self, request: gr.Request) -> None:
        """Raises UserError when the request comes from someone who may only look."""
        self.meet(request)
        if not self.may_act(request):
            raise UserError(
                "Only the owner of this Space can do this.",
                hint="Sign in as its owner, or duplicate the Space and run your own.",
            )

    def require_owner(self, request: gr.Request) -> None:
        """Raises UserError when the request comes from someone whose Space this is not."""
        self.meet(request)
        if self.person(request).role not in (Role.LOCAL, Role.OWNER, Role.MEMBER):
            raise UserError("Only the owner of this Space can do this.", hint="Ask its owner.")

    def token(self, request: gr.Request) -> SecretStr | None:
        """The token that a run of this request may use; none for someone who may not act.

        The Space's own is its owner's: who is only allowed in acts with their own sign-in.
        """
        role = self.person(request).role
        own = self.own_token(request)
        match role:
            case Role.LOCAL:
                return self._settings.token
            case Role.OWNER | Role.MEMBER:
                return self._settings.token or own
            case Role.ALLOWED:
                return own
            case Role.STRANGER | Role.NOBODY:
                return None

    def require_own_account(self, request: gr.Request, *, resumes_by_itself: bool) -> None:
        """Raises InvalidConfig when a run would go on with a token that is not its person's."""
        if self.person(request).role is Role.ALLOWED and resumes_by_itself:
            problem = "Auto-resume uses the Space's own token, so only its owner can turn it on."
            raise InvalidConfig({"output.auto_resume": problem})

    def own_token(self, request: gr.Request) -> SecretStr | None:
        """The token of the person's own sign-in on this Space."""
        return _token(self._sign_in(_session(request)))

    def _person(self, session: Mapping[str, Any]) -> Person:
        space = self._settings.space
        if space is None:
            return Person(Role.LOCAL)
        sign_in = self._sign_in(session)
        user = sign_in.get("userinfo") or {}
        name = str(user.get("preferred_username") or "")
        if not name:
            return Person(Role.NOBODY)
        organizations = self._organizations_of(sign_in)
        owner = space.owner.lower()
        if name.lower() == owner:
            role = Role.OWNER
        elif owner in organizations:
            role = Role.MEMBER
        elif name.lower() in space.allowed:
            role = Role.ALLOWED
        else:
            role = Role.STRANGER
        return Person(role, name=name, token_ends=sign_in.get("expires_at"))

    def _organizations_of(self, sign_in: Mapping[str, Any]) -> frozenset[str]:
        """Those that somebody writes in: as the Hub says by now, or as it said at the sign-in."""
        token = _token(sign_in)
        known = self._organizations.get(key_of(token)) if token else None
        if known is not None:
            return known[1]
        told = (sign_in.get("userinfo") or {}).get("orgs") or []
        return frozenset(
            str(organization.get("preferred_username")).lower()
            for organization in told
            if organization.get("roleInOrg") in WRITING_ROLES
        )

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
        # Gradio shows this as HTML.
        text = render("toast.html", text=str(error))
        raise gr.Error(text, title="That didn't work", print_exception=False) from error


def _token(sign_in: Mapping[str, Any]) -> SecretStr | None:
    secret = sign_in.get("access_token")
    return SecretStr(secret) if secret else None


def _session(request: gr.Request) -> Mapping[str, Any]:
    scope = request.request.scope if request.request is not None else {}
    session: Mapping[str, Any] = scope.get("session") or {}
    return session
