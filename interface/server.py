"""Serving the page: on which address, behind which guards, and with which words when it can't."""

import logging
import socket
import sys

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware

from core.jobs import launcher
from core.runs.store import RunStore
from core.settings import Settings
from interface import guide
from interface.access.limits import KnownRoutesOnly, SmallBodiesOnly
from interface.access.listener import credentials
from interface.access.login_delay import LoginDelay
from interface.access.middleware import FramedBySpacesOnly, OwnerUploadsOnly, OwnHostOnly
from interface.access.roles import Access
from interface.access.upload_totals import UploadTotals
from interface.access.uploads import MAX_UPLOAD, store_uploads_in
from interface.display import theme
from interface.page import Page

# How long a Space lets us save is written nowhere; it ends us when it is over.
SAVING_SECONDS = 60.0


def build_app(settings: Settings) -> FastAPI:
    """The web application. Raises UserError when it would be open to everyone."""
    auth = credentials(settings)
    store_uploads_in(settings.home)
    access = Access(settings)
    totals = UploadTotals(settings.home)
    page = Page(settings, access, totals)
    # A mounted page never launches, and would skip its check of where files lie.
    page.blocks.has_launched = True
    app = FastAPI(lifespan=totals.swept, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SmallBodiesOnly)
    app.add_middleware(KnownRoutesOnly)
    app.add_middleware(LoginDelay)
    app.add_middleware(OwnHostOnly, settings=settings)
    app.add_middleware(FramedBySpacesOnly, settings=settings)
    guide.serve_pictures(app)
    gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        app_kwargs={"middleware": [Middleware(OwnerUploadsOnly, access=access, totals=totals)]},
        auth=auth,
        theme=theme.build(),
        css_paths=[theme.CSS],
        head=theme.head(),
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=MAX_UPLOAD,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
    )
    return app


def serve(app: FastAPI, listener: socket.socket, settings: Settings) -> None:
    """Answer requests until told to end."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        # A browser's stream of events never ends by itself.
        timeout_graceful_shutdown=2,
        proxy_headers=settings.space is not None,
        forwarded_allow_ips="*" if settings.space is not None else None,
    )
    _Server(config, settings).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # The streams of open pages are cut off, and uvicorn tells of each with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        if self._settings.space is not None:
            # The container goes, and all that runs in it.
            launcher.save_all(RunStore(self._settings.home), grace=SAVING_SECONDS)
        await super().shutdown(sockets=sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
            sys.stdout.write(f"SmolFactory is at http://{host}:{self._settings.port}\n")
            sys.stdout.flush()
