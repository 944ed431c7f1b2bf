"""Whose a token is, found out beside the page: the Hub may take its time, or not answer."""

import threading
import time
from dataclasses import dataclass

from pydantic import SecretStr

from core.errors import HubAway, UserError
from core.hub.account import account, key_of

# core.hub remembers a good answer; these are for asking it again, and for asking after a bad one.
ASK_AGAIN_SECONDS = 240.0
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Known:
    """What is known of a token's account so far. `name` is None while it is not known."""

    words: str
    name: str | None = None
    organizations: tuple[str, ...] = ()


NOBODY = Known("Not signed in to the Hub")
ASKING = Known("Asking the Hub who you are…")


class Accounts:
    """Answers at once with what is known, and asks the Hub in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._next: dict[str, float] = {}

    def look(self, token: SecretStr | None) -> Known:
        if token is None:
            return NOBODY
        key = key_of(token)
        with self._lock:
            if time.monotonic() >= self._next.get(key, 0.0):
                self._next[key] = time.monotonic() + RETRY_SECONDS
                threading.Thread(target=self._ask, args=(key, token), daemon=True).start()
            return self._known.get(key, ASKING)

    def _ask(self, key: str, token: SecretStr) -> None:
        pause = RETRY_SECONDS
        try:
            found = account(token)
            known = Known(f"Signed in as {found.name}", found.name, tuple(found.organizations))
            pause = ASK_AGAIN_SECONDS
        except HubAway:
            known = Known("The Hub can't be reached")
        except UserError as error:
            known = Known(error.message)
        with self._lock:
            self._known[key] = known
            self._next[key] = time.monotonic() + pause
