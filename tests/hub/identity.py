"""Users, their tokens, and what each may do."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .store import Repo

CREATED = "2025-01-01T00:00:00.000Z"


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
    """A credential; a fine-grained one has permissions in `scopes`, by namespace or repository."""

    value: str
    user: User
    role: Role = Role.WRITE
    scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reads_gated: bool = True

    def grants(self, permission: str, *, on: str) -> bool:
        namespace = on.split("/")[0]
        granted = {*self.scopes.get(namespace, ()), *self.scopes.get(on, ())}
        return permission in granted


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
        if self.token is None or not self.token.user.belongs_to(repo.namespace):
            return False
        return self.token.role is not Role.FINE_GRAINED or any(
            self.token.grants(permission, on=repo.repo_id)
            for permission in ("repo.content.read", "repo.write")
        )

    def may_download(self, repo: Repo) -> bool:
        if not repo.gated:
            return True
        if self.token is None:
            return False
        user = self.token.user
        return user.belongs_to(repo.namespace) or (
            user.name in repo.granted and self.token.reads_gated
        )

    def may_write(self, on: str) -> bool:
        """Whether this caller may write `on`, a namespace or a repository."""
        token = self.token
        if token is None or token.role is Role.READ or not token.user.writes_in(on.split("/")[0]):
            return False
        return token.role is not Role.FINE_GRAINED or token.grants("repo.write", on=on)


class Identities:
    """The users and the tokens that are valid now."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[str, Token] = {}

    def user(self, name: str) -> User:
        return self._users.setdefault(name, User(name))

    def add(self, token: Token) -> None:
        self._tokens[token.value] = token

    def revoke(self, value: str) -> None:
        del self._tokens[value]

    def find(self, value: str) -> Token | None:
        return self._tokens.get(value)

    def has_namespace(self, namespace: str) -> bool:
        return any(user.belongs_to(namespace) for user in self._users.values())


def whoami(token: Token) -> dict[str, Any]:
    """The answer of `GET /api/whoami-v2`, for each kind of token."""
    user = token.user
    return {
        "type": "user",
        "id": _id(user.name),
        "name": user.name,
        "fullname": user.name.title(),
        "email": f"{user.name}@example.com",
        "emailVerified": True,
        "canPay": False,
        "periodEnd": None,
        "isPro": False,
        "avatarUrl": f"/avatars/{_id(user.name)}.svg",
        "orgs": [_org(name, role) for name, role in user.orgs.items()],
        "auth": _auth(token),
    }


def _org(name: str, role: str) -> dict[str, Any]:
    return {
        "type": "org",
        "id": _id(name),
        "name": name,
        "fullname": name.title(),
        "email": None,
        "canPay": False,
        "periodEnd": None,
        "avatarUrl": f"/avatars/{_id(name)}.svg",
        "roleInOrg": role,
        "isEnterprise": False,
    }


def _auth(token: Token) -> dict[str, Any]:
    if token.role is Role.OAUTH:
        return {"type": "oauth", "expiresAt": "2099-01-01T00:00:00.000Z"}
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
    entity = {"_id": _id(on), "type": kind, "name": on}
    return {"entity": entity, "permissions": list(token.scopes[on])}


def _id(name: str) -> str:
    return hashlib.sha1(name.encode()).hexdigest()[:24]
