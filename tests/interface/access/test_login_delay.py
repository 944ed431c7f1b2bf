"""Guessing the password takes longer with each wrong guess."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from interface.access.login_delay import MOST_SECONDS, LoginDelay

T = TypeVar("T")
RIGHT = "right"


def finished(guesses: Coroutine[Any, Any, T]) -> T:
    """What comes of it, in a thread of its own: Playwright has an event loop in this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, guesses).result()


class Door:
    """A sign-in that takes one password, and what was waited for before each answer."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.at_once = self._most = 0
        self._delay = LoginDelay(self._answer, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._most += 1
        self.at_once = max(self.at_once, self._most)
        await asyncio.sleep(0)
        status = 200 if scope["password"] == RIGHT else 400
        await PlainTextResponse("", status_code=status)(scope, receive, send)
        self._most -= 1

    async def knock(self, password: str, *, client: str = "10.0.0.1", path: str = "/login") -> None:
        async def receive() -> dict[str, Any]:
            return {}

        async def send(_: Any) -> None: ...

        scope = {"type": "http", "method": "POST", "path": path, "client": (client, 1)}
        await self._delay(scope | {"password": password, "headers": []}, receive, send)


def test_each_wrong_guess_doubles_the_wait_up_to_half_a_minute() -> None:
    async def guess() -> list[float]:
        door = Door()
        for _ in range(10):
            await door.knock("wrong")
        return door.waited

    waited = finished(guess())
    assert waited[:3] == [0.25, 0.5, 1.0]
    assert waited[-1] == MOST_SECONDS


def test_the_right_password_ends_it_and_nobody_else_waits() -> None:
    async def guess() -> list[float]:
        door = Door()
        await door.knock("wrong")
        await door.knock("anything", client="10.0.0.2")
        await door.knock("wrong", path="/gradio_api/queue/join")
        assert door.waited == []
        await door.knock(RIGHT)
        await door.knock(RIGHT)
        return door.waited

    assert finished(guess()) == [0.25]


def test_guesses_of_one_address_are_answered_one_at_a_time() -> None:
    async def guess() -> Door:
        door = Door()
        await asyncio.gather(*(door.knock("wrong", path="/login/") for _ in range(8)))
        return door

    door = finished(guess())
    assert door.at_once == 1
    assert door.waited == sorted(door.waited)
    assert len(door.waited) == 7
