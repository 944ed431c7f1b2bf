"""A web server in a thread, on a free port of this machine."""

import asyncio
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

GRACE = 1


class Server:
    """Serves an app until stopped; started again, it comes back on the same port."""

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._app = app
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._running: tuple[_Uvicorn, threading.Thread] | None = None

    def start(self) -> None:
        if self._socket.fileno() == -1:
            self._socket = _listen(self.port)
        server = _Uvicorn(self._app)
        thread = threading.Thread(target=server.serve_on, args=(self._socket,), daemon=True)
        thread.start()
        server.ready.wait()
        self._running = (server, thread)

    def stop(self) -> None:
        if self._running is None:
            return
        server, thread = self._running
        server.should_exit = True
        thread.join()
        self._socket.close()
        self._running = None


class _Uvicorn(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self.ready = threading.Event()

    def serve_on(self, listening: socket.socket) -> None:
        asyncio.run(self.serve(sockets=[listening]))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listen(port: int) -> socket.socket:
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening
