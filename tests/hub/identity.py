"""Users, their tokens, and what each may do."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from .store import Repo

CREATED = "2025-01-01T00:00:00.000Z"
NEVER = "2099-01-01T00:00:00.000Z"
READS = frozenset({"read-repos", "write-repos", "manage-repos"})
WRITES = frozenset({"write-repos", "manage-repos"})
CREATES = frozenset({"contribute-repos", "manage-repos"})


class Role(StrEnum):
    """A token's role, spelled as whoami reports it."""

    READ = "read"
    WRITE = "write"
    FINE_GRAINED = "fineGrained"
    OAUTH = "oauth"


@dataclass
class User:
    """An account; `orgs` maps organizations to roles: admin, write, contributor or read."""

    name: str
    orgs: dict[str, str] = field(default_factory=dict)

    def belongs_to(self, namespace: str) -> bool:
        return namespace == self.name or namespace in self.orgs

    def writes_in(self, namespace: str) -> bool:
        return namespace == self.name or self.orgs.get(namespace, "read") != "read"


@dataclass(frozen=True)
class Token:
    """A credential; a fine-grained one has permissions in `scopes`, by namespace or repository.

    One that an application got by OAuth names its `app` and the scopes its user `agreed` to.
    """

    value: str
    user: User
    role: Role = Role.WRITE
    scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reads_gated: bool = True
    app: str | None = None
    agreed: frozenset[str] = frozenset()
    expires_at: float | None = None

    def grants(self, permission: str, *, on: str) -> bool:
        namespace = on.split("/")[0]
        granted = {*self.scopes.get(namespace, ()), *self.scopes.get(on, ())}
        return permission in granted

    def lets_app(self, needed: frozenset[str], *, on: Repo) -> bool:
        """Whether the scopes agreed to suffice; an app may do anything with what it made itself."""
        return (
            self.app is None
            or not needed.isdisjoint(self.agreed)
            or ("contribute-repos" in self.agreed and on.made_by_app == self.app)
        )


@dataclass(frozen=True)
class Caller:
    """Who makes a request: a token's user, or a stranger."""

    token: Token | None = None

    @property
    def signed_in(self) -> bool:
        return self.token is not None

    def may_see(self, repo: Repo) -> bool:
        if not repo.private:
            return True
        token = self.token
        if token is None or not token.user.belongs_to(repo.namespace):
            return False
        if not token.lets_app(READS, on=repo):
            return False
        return token.role is not Role.FINE_GRAINED or any(
            token.grants(permission, on=repo.repo_id)
            for permission in ("repo.content.read", "repo.write")
        )

    def may_download(self, repo: Repo) -> bool:
        if not repo.gated:
            return True
        token = self.token
        if token is None:
            return False
        if token.user.belongs_to(repo.namespace):
            return token.lets_app(READS | {"gated-repos"}, on=repo)
        return token.user.name in repo.granted and token.reads_gated

    def may_create_in(self, namespace: str) -> bool:
        token = self.token
        if token is None or not self._writes_in(namespace):
            return False
        if token.app is not None:
            return not CREATES.isdisjoint(token.agreed)
        return token.role is not Role.FINE_GRAINED or token.grants("repo.write", on=namespace)

    def may_write(self, repo: Repo) -> bool:
        token = self.token
        if token is None or not self._writes_in(repo.namespace):
            return False
        if not token.lets_app(WRITES, on=repo):
            return False
        return token.role is not Role.FINE_GRAINED or token.grants("repo.write", on=repo.repo_id)

    def _writes_in(self, namespace: str) -> bool:
        token = self.token
        return token is not None and token.role is not Role.READ and token.user.writes_in(namespace)


class Identities:
    """The users and the tokens that are valid now."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[str, Token] = {}

    @property
    def users(self) -> list[str]:
        return list(self._users)

    def user(self, name: str) -> User:
        return self._users.setdefault(name, User(name))

    def add(self, token: Token) -> None:
        self._tokens[token.value] = token

    def revoke(self, value: str) -> None:
        del self._tokens[value]

    def find(self, value: str) -> Token | None:
        """The token, unless it was revoked or its time is over."""
        token = self._tokens.get(value)
        if token is None or (token.expires_at is not None and token.expires_at < time.time()):
            return None
        return token

    def has_namespace(self, namespace: str) -> bool:
        return any(user.belongs_to(namespace) for user in self._users.values())


def whoami(token: Token) -> dict[str, Any]:
    """The answer of `GET /api/whoami-v2`, for each kind of token."""
    user = token.user
    return {
        "type": "user",
        "id": account_id(user.name),
        "name": user.name,
        "fullname": user.name.title(),
        "canPay": False,
        "periodEnd": None,
        "isPro": False,
        "avatarUrl": f"/avatars/{account_id(user.name)}.svg",
        "orgs": [_org(name, role) for name, role in user.orgs.items()],
        "auth": _auth(token),
        **_email(token),
    }


def _org(name: str, role: str) -> dict[str, Any]:
    return {
        "type": "org",
        "id": account_id(name),
        "name": name,
        "fullname": name.title(),
        "email": None,
        "canPay": False,
        "periodEnd": None,
        "avatarUrl": f"/avatars/{account_id(name)}.svg",
        "roleInOrg": role,
        "isEnterprise": False,
    }


def _email(token: Token) -> dict[str, Any]:
    if token.app is not None and "email" not in token.agreed:
        return {}
    return {"email": f"{token.user.name}@example.com", "emailVerified": True}


def _auth(token: Token) -> dict[str, Any]:
    if token.role is Role.OAUTH:
        return {"type": "oauth", "expiresAt": _moment(token.expires_at)}
    access: dict[str, Any] = {
        "displayName": f"{token.user.name}-{token.role}",
        "role": token.role.value,
        "createdAt": CREATED,
    }
    if token.role is Role.FINE_GRAINED:
        access["fineGrained"] = {
            "canReadGatedRepos": token.reads_gated,
            "global": [],
            "scoped": [_scope(token, on) for on in token.scopes],
        }
    return {"type": "access_token", "accessToken": access}


def _scope(token: Token, on: str) -> dict[str, Any]:
    kind = "model" if "/" in on else "org" if on in token.user.orgs else "user"
    entity = {"_id": account_id(on), "type": kind, "name": on}
    return {"entity": entity, "permissions": list(token.scopes[on])}


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return NEVER
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def account_id(name: str) -> str:
    """The id that stays when an account is renamed."""
    return hashlib.sha1(name.encode()).hexdigest()[:24]
