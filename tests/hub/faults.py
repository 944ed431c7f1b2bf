"""What goes wrong on the way: answers lost, errors instead of answers, requests kept waiting."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Recorded(NamedTuple):
    """A request that reached the Hub; `host` tells its pages and API from its storage."""

    method: str
    path: str
    authorized: bool
    host: str


@dataclass
class Fault:
    """The next `times` matching requests fail; `status` None closes the connection unanswered.

    With `after` the work is done first and only its answer is replaced.
    """

    method: str
    path: str
    status: int | None = 500
    times: int | None = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    hits: int = 0

    def takes(self, request: Recorded) -> bool:
        spent = self.times is not None and self.hits >= self.times
        return not spent and matches(request, method=self.method, path=self.path)


@dataclass
class Delay:
    """The next `times` matching requests wait `seconds` before they are served or fail."""

    method: str
    path: str
    seconds: float
    times: int | None = 1
    hits: int = 0

    def takes(self, request: Recorded) -> bool:
        spent = self.times is not None and self.hits >= self.times
        return not spent and matches(request, method=self.method, path=self.path)


class Hold:
    """Keeps the next matching request waiting.

    `reached` is set when it has come, `release` lets it go.
    """

    def __init__(self, *, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.taken = False
        self.reached = threading.Event()
        self._released = threading.Event()

    def takes(self, request: Recorded) -> bool:
        return not self.taken and matches(request, method=self.method, path=self.path)

    def release(self) -> None:
        self._released.set()

    async def wait(self) -> None:
        self.taken = True
        self.reached.set()
        await asyncio.to_thread(self._released.wait)


class Faults:
    """What is arranged to go wrong, and every request seen."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.is_silent = False
        self._faults: list[Fault] = []
        self._delays: list[Delay] = []
        self._holds: list[Hold] = []

    def add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def delay(self, delay: Delay) -> Delay:
        self._delays.append(delay)
        return delay

    def hold(self, hold: Hold) -> Hold:
        self._holds.append(hold)
        return hold

    def clear(self) -> None:
        """Forget the faults and the delays, and let every held request go."""
        self.is_silent = False
        self._faults.clear()
        self._delays.clear()
        for hold in self._holds:
            hold.release()
        self._holds.clear()

    def next_fault(self, request: Recorded) -> Fault | None:
        for fault in self._faults:
            if fault.takes(request):
                fault.hits += 1
                return fault
        return None

    def next_delay(self, request: Recorded) -> float:
        for delay in self._delays:
            if delay.takes(request):
                delay.hits += 1
                return delay.seconds
        return 0

    def next_hold(self, request: Recorded) -> Hold | None:
        return next((hold for hold in self._holds if hold.takes(request)), None)


class FaultyApp:
    """The app behind the faults: records each request, then serves or fails it."""

    def __init__(self, app: ASGIApp, *, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _recorded(scope)
        self._faults.requests.append(request)
        if self._faults.is_silent:
            await _until_left(receive)
            return
        hold = self._faults.next_hold(request)
        if hold is not None:
            await hold.wait()
        await asyncio.sleep(self._faults.next_delay(request))
        fault = self._faults.next_fault(request)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._fail(fault, scope, receive, send)

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.after:
            await self._app(scope, receive, _discard)
        else:
            await _drain(receive)
        if fault.status is None:
            await _hang_up(receive, send)
            return
        response = JSONResponse({"error": "Arranged"}, fault.status, dict(fault.headers))
        await response(scope, receive, send)


def matches(request: Recorded, *, method: str, path: str) -> bool:
    """Whether a request has that method ("*" is any) and holds `path` within its own."""
    return method in ("*", request.method) and path in request.path


def _recorded(scope: Scope) -> Recorded:
    headers = dict(scope["headers"])
    return Recorded(
        method=scope["method"],
        path=scope["path"],
        authorized=b"authorization" in headers,
        host=headers.get(b"host", b"").decode(),
    )


async def _discard(_: Message) -> None:
    return None


async def _drain(receive: Receive) -> None:
    # A client that is still sending would see a broken pipe instead of the answer.
    while (await receive()).get("more_body"):
        pass


async def _hang_up(receive: Receive, send: Send) -> None:
    # ASGI has no word for a lost connection, so this reaches for the server's transport.
    send.__self__.transport.abort()  # type: ignore[attr-defined]
    await _until_left(receive)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
