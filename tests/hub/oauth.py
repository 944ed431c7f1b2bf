"""Signing in with the Hub: the applications it knows, who agreed to what, and the tokens given."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from .identity import Identities, Role, Token, User, account_id

SCOPES = (
    *("openid", "profile", "email", "read-repos", "contribute-repos", "write-repos"),
    *("manage-repos", "gated-repos", "inference-api", "jobs", "read-billing", "webhooks"),
    "write-discussions",
)
SIGNED_WITH = "RS256"


@dataclass(frozen=True)
class OAuthApp:
    """An application that people sign in to; its tokens live `expires_in` seconds.

    With `tells_orgs` the signed identity names the user's organizations too.
    """

    client_id: str
    client_secret: str
    scopes: frozenset[str]
    expires_in: int
    tells_orgs: bool = False


@dataclass(frozen=True)
class Consent:
    """What someone agreed to, kept until the application fetches the token with its code."""

    app: OAuthApp
    user: User
    scopes: frozenset[str]
    redirect_uri: str
    nonce: str | None = None


class OAuthProvider:
    """The applications, the codes not used yet, and the key that identities are signed with.

    `signs_in` is whoever signs in next without being asked; None shows the page that asks.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._apps: dict[str, OAuthApp] = {}
        self._consents: dict[str, Consent] = {}
        self.signs_in: str | None = None

    @cached_property
    def key(self) -> RSAKey:
        return RSAKey.generate_key(2048, auto_kid=True)

    def add(self, app: OAuthApp) -> None:
        self._apps[app.client_id] = app

    def find(self, client_id: str) -> OAuthApp | None:
        return self._apps.get(client_id)

    @property
    def newest(self) -> OAuthApp:
        return list(self._apps.values())[-1]

    def agree(self, consent: Consent) -> str:
        """Keep a consent; returns the code that is good for one token."""
        code = secrets.token_urlsafe(16)
        self._consents[code] = consent
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str) -> Consent | None:
        """The consent behind a code, once, for the application and address it was given to."""
        consent = self._consents.pop(code, None)
        if consent is None or consent.app.client_id != client_id:
            return None
        return consent if consent.redirect_uri == redirect_uri else None

    def give_token(self, *, app: OAuthApp, user: User, scopes: frozenset[str]) -> Token:
        token = Token(
            f"hf_oauth_{secrets.token_urlsafe(24)}",
            user,
            Role.OAUTH,
            reads_gated="gated-repos" in scopes,
            app=app.client_id,
            agreed=scopes,
            expires_at=time.time() + app.expires_in,
        )
        self._identities.add(token)
        return token

    def sign(self, consent: Consent, *, issuer: str) -> str:
        """The identity as a signed statement, which Gradio reads the profile from."""
        now = int(time.time())
        about = profile(consent.user, scopes=consent.scopes, issuer=issuer)
        if not consent.app.tells_orgs:
            about.pop("orgs", None)
        claims = {
            **about,
            "iss": issuer,
            "aud": consent.app.client_id,
            "iat": now,
            "auth_time": now,
            "exp": now + consent.app.expires_in,
        }
        if consent.nonce is not None:
            claims["nonce"] = consent.nonce
        return jwt.encode({"alg": SIGNED_WITH, "kid": self.key.kid}, claims, self.key)


def metadata(issuer: str) -> dict[str, Any]:
    """What `/.well-known/openid-configuration` tells."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [SIGNED_WITH],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }


def profile(user: User, *, scopes: frozenset[str], issuer: str) -> dict[str, Any]:
    """Whom `/oauth/userinfo` and a signed identity describe, as far as was agreed."""
    claims: dict[str, Any] = {"sub": account_id(user.name)}
    if "profile" in scopes:
        claims |= {
            "name": user.name.title(),
            "preferred_username": user.name,
            "profile": f"{issuer}/{user.name}",
            "picture": _picture(user.name, issuer=issuer),
            "website": "",
            "isPro": False,
            "orgs": [_org(name, role, issuer=issuer) for name, role in user.orgs.items()],
        }
    if "email" in scopes:
        claims |= {"email": f"{user.name}@example.com", "email_verified": True}
    return claims


def agreed(asked: str, *, app: OAuthApp) -> frozenset[str] | None:
    """The scopes of a request, or None when the application may not ask for them all."""
    scopes = frozenset(asked.split())
    return scopes if scopes <= app.scopes else None


def check_scopes(scopes: Sequence[str]) -> frozenset[str]:
    """The scopes as a set.

    Raises ValueError for one that the Hub doesn't have.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise ValueError(f"The Hub has no scope {', '.join(sorted(unknown))}")
    return frozenset(scopes)


def _org(name: str, role: str, *, issuer: str) -> dict[str, Any]:
    return {
        "sub": account_id(name),
        "name": name.title(),
        "preferred_username": name,
        "picture": _picture(name, issuer=issuer),
        "isEnterprise": False,
        "roleInOrg": role,
    }


def _picture(name: str, *, issuer: str) -> str:
    return f"{issuer}/avatars/{hashlib.sha1(name.encode()).hexdigest()[:8]}.svg"
