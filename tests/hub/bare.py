"""A Hub that can do what every Hub can, and none of what only some can."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MISSING = re.compile(
    r".*/(auth-check(/write)?|super-squash/.*|xet-(read|write)-token/.*)|/api/buckets(/.*)?"
    r"|/api/validate-yaml"
)
SEARCH = re.compile(r"/api/(models|datasets|spaces)")
DESCRIBED = re.compile(r"/api/((models|datasets|spaces)(/[^/]+/[^/]+(/revision/.+)?)?|whoami-v2)")
# Its own names for what a token, or somebody in an organization, may do.
ROLES = {"write": "maintainer", "read": "guest"}


class BareApp:
    """Knows no access check, Xet, squashing of a history or bucket, and reads and checks no card.

    It refuses to sort, finds all there is whatever is searched for, calls roles its own way, and
    sends no codes with its refusals.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        query = dict(parse_qsl(scope["query_string"].decode()))
        if MISSING.fullmatch(path):
            # As any server answers that knows no such address.
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
        elif SEARCH.fullmatch(path) and "sort" in query:
            refusal = JSONResponse({"error": "Unknown parameter: sort"}, 400)
            await refusal(scope, receive, send)
        elif DESCRIBED.fullmatch(path) and scope["method"] == "GET":
            query.pop("search", None)
            scope = {**scope, "query_string": urlencode(query).encode()}
            await self._app(scope, receive, _edited(_without_codes(send)))
        else:
            await self._app(scope, receive, _without_codes(send))


def _without_codes(send: Send) -> Send:
    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].startswith(b"x-error-")]
            message = {**message, "headers": kept}
        await send(message)

    return pass_on


def _edited(send: Send) -> Send:
    """Sends an answer on once it is whole, without what this Hub does not tell."""
    start: Message = {}
    body = b""

    async def pass_on(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
            return
        body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = json.dumps(_plain(json.loads(body))).encode()
        headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return pass_on


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _plain(each) for key, each in value.items() if key not in ("cardData", "tags")}
    for key in ("role", "roleInOrg"):
        if key in kept:
            kept[key] = ROLES.get(kept[key], kept[key])
    return kept
