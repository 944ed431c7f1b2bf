"""What of Gradio's server is open, and how much it is sent at once."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "gradio_api"
# By the first part of their path; a version of Gradio that adds others opens none of them here.
PAGES = frozenset(
    {
        "", "assets", "config", "favicon.ico", "login", "logout", "manifest.json", "pictures",
        "pwa_icon", "robots.txt", "static", "svelte", "theme.css",
    }
)  # fmt: skip
CALLS = frozenset(
    {
        "api", "app_id", "call", "cancel", "custom_component", "file", "heartbeat", "info",
        "login_check", "queue", "reset", "run", "startup-events", "theme.css", "token", "upload",
        "upload_progress", "user",
    }
)  # fmt: skip
UPLOAD = "upload"
# All settings of a run take some kilobytes. Files come by the upload, which has a limit of its own.
MAX_BODY_BYTES = 1_000_000


class KnownRoutesOnly:
    """Answers only at the addresses that the page and its API use."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_known(scope["path"]):
            await self._app(scope, receive, send)
            return
        await PlainTextResponse("There is nothing here.", status_code=404)(scope, receive, send)


class SmallBodiesOnly:
    """Refuses a body that is larger than any the page sends, before it is read as JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _call_of(scope["path"]) == UPLOAD:
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse("This request is too large.", status_code=413)
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            await refusal(scope, receive, send)
            return
        body = _Counted(receive)
        try:
            await self._app(scope, body, send)
        except _TooLarge:
            await refusal(scope, receive, send)


class _TooLarge(Exception):
    pass


class _Counted:
    """A body that says nothing of its length, as far as it may go on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MAX_BODY_BYTES:
            raise _TooLarge
        return message


def is_known(path: str) -> bool:
    call = _call_of(path)
    return call in CALLS if call is not None else _first_part(path) in PAGES


def _call_of(path: str) -> str | None:
    """Which call of Gradio's API this is, None where it is a page."""
    first, _, rest = path.lstrip("/").partition("/")
    return _first_part(rest).partition("=")[0] if first == API else None


def _first_part(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
