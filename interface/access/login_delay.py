"""Guessing the password takes longer with each wrong guess."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGIN_PATH = "/login"
FIRST_SECONDS, MOST_SECONDS = 0.25, 30.0
# Addresses that are remembered; the oldest is forgotten first.
MAX_ADDRESSES = 10_000

Sleep = Callable[[float], Awaitable[None]]


@dataclass
class _Guesses:
    """Wrong guesses from one address, which are answered one at a time."""

    wrong: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LoginDelay:
    """Delays each sign-in by what was guessed wrongly before it from the same address.

    A second after three wrong guesses, half a minute after seven; the right password ends it.
    """

    def __init__(self, app: ASGIApp, *, sleep: Sleep = asyncio.sleep) -> None:
        self._app = app
        self._sleep = sleep
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_login(scope):
            await self._app(scope, receive, send)
            return
        guesses = self._of(str((scope.get("client") or ("",))[0]))

        async def judge(message: Message) -> None:
            if message["type"] == "http.response.start":
                guesses.wrong = 0 if message["status"] < 400 else guesses.wrong + 1
            await send(message)

        async with guesses.lock:
            if guesses.wrong:
                await self._sleep(min(FIRST_SECONDS * 2 ** (guesses.wrong - 1), MOST_SECONDS))
            await self._app(scope, receive, judge)

    def _of(self, address: str) -> _Guesses:
        guesses = self._guesses.setdefault(address, _Guesses())
        self._guesses.move_to_end(address)
        while len(self._guesses) > MAX_ADDRESSES:
            self._guesses.popitem(last=False)
        return guesses


def _is_login(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return str(scope["path"]).rstrip("/").endswith(LOGIN_PATH)
