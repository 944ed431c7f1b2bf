"""Which requests are answered at all: ours by name, and none that another site sends."""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.settings import Settings
from interface.access.listener import is_loopback
from interface.access.roles import Access

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


class OwnerUploadsOnly:
    """Takes files only from those who may act. It runs where the session is already known."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        uploads = scope["type"] == "http" and scope["path"].rstrip("/").endswith(UPLOAD_PATH)
        if uploads and not self._access.session_may_act(scope.get("session") or {}):
            refusal = PlainTextResponse("Only the owner of this Space can upload.", status_code=403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


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
