"""Which requests are answered at all: ours by name, and none that another site sends."""

import ipaddress
import json
import socket
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import UserError
from core.hub.client import hub_endpoint
from core.settings import Settings
from interface.access.listener import is_loopback
from interface.access.roles import Access, Person
from interface.access.upload_totals import UploadTotals

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
UPLOAD_PATH = "/gradio_api/upload"


class OwnHostOnly:
    """Refuses requests under a name that isn't ours, and changes that another site asks for.

    A page of another site can have its own name point here (DNS rebinding), and can send requests
    with the visitor's cookies; both are told by headers that scripts can't forge.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._names = _names(settings)
        # An address is no name that could be made to point elsewhere.
        self._addresses_too = settings.space is not None or not is_loopback(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(_name(f"//{host}")):
            return PlainTextResponse("This server has no such name.", status_code=421)
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        # A link from elsewhere to this page is welcome: only changes must begin here.
        changes = scope["method"] not in SAFE_METHODS
        if foreign or (changes and headers.get("sec-fetch-site") in ("cross-site", "same-site")):
            return PlainTextResponse("Another site may not do this.", status_code=403)
        return None

    def _is_ours(self, name: str) -> bool:
        if is_loopback(name) or name in self._names:
            return True
        return self._addresses_too and _is_address(name)


class FramedBySpacesOnly:
    """Has browsers show the page within another only where that is the Space's own.

    Within a page of somebody else a click can be made to hit a button of ours.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        # Anybody can have a Space, so other Spaces' pages are as foreign as any.
        ancestors = "'none'" if settings.space is None else f"'self' {hub_endpoint()}"
        self._policy = f"frame-ancestors {ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("content-security-policy", self._policy)
            await send(message)

        await self._app(scope, receive, with_policy if scope["type"] == "http" else send)


class OwnerUploadsOnly:
    """Takes files only from those who may act, and only so much of each.

    It runs where the session is already known.
    """

    def __init__(self, app: ASGIApp, *, access: Access, totals: UploadTotals) -> None:
        self._app = app
        self._access = access
        self._totals = totals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith(UPLOAD_PATH):
            await self._app(scope, receive, send)
            return
        person = self._access.session_person(scope.get("session") or {})
        length = Headers(scope=scope).get("content-length", "")
        if not person.may_act:
            refusal = PlainTextResponse("Only the owner of this Space can upload.", status_code=403)
        elif not length.isdigit():
            # What says nothing of its length can't be made room for.
            refusal = PlainTextResponse("Content-Length is required.", status_code=411)
        else:
            await self._take(person, int(length), scope, receive, send)
            return
        await refusal(scope, receive, send)

    async def _take(
        self, person: Person, size: int, scope: Scope, receive: Receive, send: Send
    ) -> None:
        # A few names of files, which may yet be refused.
        answer: list[Message] = []

        async def watched(message: Message) -> None:
            answer.append(message)

        try:
            await to_thread.run_sync(self._totals.expect, person, size)
            try:
                await self._app(scope, receive, watched)
                names = _paths(b"".join(message.get("body", b"") for message in answer))
                await to_thread.run_sync(self._totals.has_come, person, names)
            finally:
                self._totals.expect_no_more(person, size)
        except UserError as error:
            await PlainTextResponse(str(error), status_code=413)(scope, receive, send)
            return
        for message in answer:
            await send(message)


def _paths(answer: bytes) -> list[str]:
    """Where Gradio says that it stored an upload; nowhere, where it refused it."""
    try:
        found = json.loads(answer)
    except ValueError:
        return []
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []


def _names(settings: Settings) -> set[str]:
    names = {settings.host.lower(), *settings.hosts}
    if settings.space is not None:
        # With a custom domain there are several, with commas between.
        names |= {_name(f"//{host.strip()}") for host in settings.space.host.split(",")}
    elif not is_loopback(settings.host):
        names.add(socket.gethostname().lower())
    return names - {""}


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
