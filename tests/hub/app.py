"""The app: its routes, and what it answers where it has none."""

import re
from urllib.parse import unquote

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import (
    routes_buckets,
    routes_commits,
    routes_discussions,
    routes_files,
    routes_identity,
    routes_oauth,
    routes_refs,
    routes_repos,
    routes_spaces,
    routes_uploads,
)
from .bare import BareApp
from .context import Hub
from .errors import HubError, answer, repo_not_found
from .faults import Faults, FaultyApp

# An id without a namespace names a repository all the same: one that isn't here.
BARE_REPO = re.compile(
    r"/api/(models|datasets|spaces)/[^/]+(/(revision|tree|paths-info|refs|commits)(/.*)?)?"
    r"|(/(datasets|spaces))?/[^/]+/resolve/.+"
)


def build(hub: Hub, *, faults: Faults, bare: bool) -> ASGIApp:
    """The whole Hub as an ASGI app, or only what every Hub can."""
    app = FastAPI(openapi_url=None)
    app.state.hub = hub
    for module in (
        # Its paths are narrower than those of repositories.
        routes_buckets,
        routes_identity,
        routes_oauth,
        routes_commits,
        routes_discussions,
        routes_uploads,
        routes_refs,
        routes_files,
        routes_spaces,
        routes_repos,
    ):
        app.include_router(module.router)
    app.add_exception_handler(HubError, answer)
    app.add_exception_handler(404, _unknown)
    served = BareApp(app) if bare else app
    return _KeepsQuotedSlashes(FaultyApp(served, faults=faults))


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if BARE_REPO.fullmatch(request.url.path):
        return repo_not_found(signed_in="Authorization" in request.headers).response()
    return HubError(404, f"This double has no {request.method} {request.url.path}").response()


class _KeepsQuotedSlashes:
    """Leaves %2F in the path: a revision or a folder may hold a slash within one segment."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            segments = scope["raw_path"].decode().split("/")
            path = "/".join(unquote(segment).replace("/", "%2F") for segment in segments)
            scope = {**scope, "path": path}
        await self._app(scope, receive, send)
