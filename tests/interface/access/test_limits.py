"""The server answers at the addresses that the page uses, and reads no more than the page sends."""

from collections.abc import Iterator

import httpx
import pytest

from interface.access.limits import MAX_BODY_BYTES, is_known
from tests.interface.harness import Server

CLOSED = (
    "/gradio_api/process_recording", "/gradio_api/component_server", "/gradio_api/vibe-edit",
    "/gradio_api/run-history/records", "/gradio_api/runs", "/gradio_api/profiling/traces",
    "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/dev/reload", "/gradio_api/deep_link",
    "/gradio_api/stream/a", "/gradio_api/", "/monitoring", "/monitoring/summary", "/docs",
    "/openapi.json", "//gradio_api/process_recording", "/gradio_api//process_recording",
)  # fmt: skip
OPEN = (
    "/", "/config", "/config/", "/theme.css", "/gradio_api/info", "/gradio_api/run/predict",
    "/gradio_api/queue/join", "/gradio_api/file=/a/b", "/gradio_api/upload", "/login/huggingface",
)  # fmt: skip


@pytest.mark.parametrize("path", OPEN)
def test_what_the_page_uses_is_open(path: str) -> None:
    assert is_known(path)


def test_nothing_else_is(server: Server) -> None:
    with httpx.Client(base_url=server.url) as visitor:
        for path in CLOSED:
            for method in ("GET", "POST"):
                assert visitor.request(method, path).status_code == 404, path
        assert visitor.get("/config").status_code == 200


def test_a_body_that_no_page_sends_is_not_read(server: Server) -> None:
    def in_parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"[" * (MAX_BODY_BYTES // 10)

    large = {"data": ["a" * MAX_BODY_BYTES]}
    with httpx.Client(base_url=server.url, timeout=60) as visitor:
        for path in ("/gradio_api/queue/join", "/gradio_api/run/predict", "/login"):
            assert visitor.post(path, json=large).status_code == 413
            told = visitor.post(path, content=in_parts())
            assert told.status_code in (400, 413, 422)
        small = {"data": ["a" * 1000], "fn_index": 0, "session_hash": "a"}
        assert visitor.post("/gradio_api/queue/join", json=small).status_code != 413
