"""Whose a token is, and where it may write."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from core.hub.client import hub_client
from core.hub.errors import hub_errors

# Roles in an organization, by huggingface.co's names. Under any other one, whether one may write
# shows when it is tried: a contributor, say, can write only to repositories of their own.
WRITING_ROLES = frozenset({"write", "admin"})
READING_ROLES = frozenset({"read"})
# Who-am-I is strictly rate-limited by the Hub.
ACCOUNT_SECONDS = 300
# The Hub's names for kinds of tokens; one without a role comes from a sign-in.
KINDS = {"read": "read", "write": "write", "fineGrained": "fine-grained"}


@dataclass(frozen=True)
class Account:
    """Whose a token is, and where it may write."""

    name: str
    organizations: list[str]
    # Where the Hub says that it may write.
    writable: frozenset[str]
    # What kind of token it is: "write", "read", "fine-grained", "sign-in", or the Hub's own word.
    kind: str
    # What its owner called it, if it is one of their own making.
    label: str = ""
    # Where the Hub does not say whether it may write.
    unsure: frozenset[str] = frozenset()

    @property
    def may_try(self) -> frozenset[str]:
        """Where writing is worth a try."""
        return self.writable | self.unsure


_accounts: dict[str, tuple[float, Account]] = {}


def account(token: SecretStr, *, fresh: bool = False) -> Account:
    """Whose token this is. Asked at most every five minutes, but for a `fresh` answer.

    Raises UserError when the Hub does not know the token, HubUnreachable when it does not answer.
    """
    key = key_of(token)
    known = _accounts.get(key)
    if known and not fresh and time.monotonic() - known[0] < ACCOUNT_SECONDS:
        return known[1]
    with hub_errors("your account"):
        answer = hub_client(token).whoami()
    found = _account(answer)
    _accounts[key] = (time.monotonic(), found)
    return found


def key_of(token: SecretStr) -> str:
    """A key for caches by token: the token itself is never stored."""
    return sha256(token.get_secret_value().encode()).hexdigest()


def _account(answer: dict[str, Any]) -> Account:
    name = str(answer["name"])
    roles = {str(org["name"]): org.get("roleInOrg") for org in answer.get("orgs") or []}
    access = (answer.get("auth") or {}).get("accessToken") or {}
    role = access.get("role")
    writes = {name} | {org for org, role in roles.items() if role in WRITING_ROLES}
    unsure = {org for org, role in roles.items() if role not in WRITING_ROLES | READING_ROLES}
    match role:
        case "read":
            writes, unsure = set(), set()
        case "fineGrained":
            writes, unsure = set(_fine_grained(access.get("fineGrained") or {})), set()
        case None | "write":
            # A write token, or a sign-in whose rights only the Hub can tell.
            pass
        case _:
            writes, unsure = set(), writes | unsure
    return Account(
        name=name,
        organizations=[*roles],
        writable=frozenset(writes),
        unsure=frozenset(unsure),
        kind=KINDS.get(role, str(role)) if role else "sign-in",
        label=str(access.get("displayName") or ""),
    )


def _fine_grained(rights: dict[str, Any]) -> Iterator[str]:
    for scope in rights.get("scoped") or []:
        if {"repo.write", "repo.content.write"} & set(scope.get("permissions") or []):
            yield str(scope["entity"]["name"])
