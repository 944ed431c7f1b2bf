"""A Gradio app that signs people in with the Hub double, in a process of its own.

How a test signs in to a Gradio app: give its process `hub.oauth_environment()`, SYSTEM=spaces,
SPACE_ID and SPACE_HOST=127.0.0.1:PORT, all set before Gradio is imported. Gradio prints the way
back as `https://127.0.0.1:PORT/login/callback`; the double sends the browser there by http. With
Chromium nothing else is needed. An HTTP client of Python's must hand the Secure session cookie over
itself, as `sign_in` does: its cookie jar keeps it for https alone.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.hub import HubDouble
from tests.waiting import wait_until

APP = """
import sys
import gradio as gr

def who(profile: gr.OAuthProfile | None, token: gr.OAuthToken | None):
    if profile is None or token is None:
        return {}
    return {"profile": dict(profile), "token": token.token, "scope": token.scope}

with gr.Blocks() as page:
    gr.LoginButton()
    shown = gr.JSON()
    page.load(who, None, shown, api_name="who")
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
"""


@contextmanager
def serving(hub: HubDouble, home: Path) -> Iterator[str]:
    port = _free_port()
    environment = {
        **os.environ,
        **hub.environment(home=home),
        **hub.oauth_environment(),
        "SYSTEM": "spaces",
        "SPACE_ID": "acme/factory",
        "SPACE_HOST": f"127.0.0.1:{port}",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    log = home / "app.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", APP, str(port)], env=environment, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or _answers(address))
            assert process.poll() is None, log.read_text()
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def sign_in(app: str) -> str:
    """Go through the whole flow without a browser; returns the session cookie."""
    session = ""
    url = f"{app}/login/huggingface?_target_url=/"
    for _ in range(4):
        headers = {"Cookie": f"session={session}"} if url.startswith(app) else {}
        answer = httpx.get(url, headers=headers)
        session = _session(answer) or session
        url = answer.headers.get("location", "")
        if url == "/":
            return session
    raise AssertionError(f"The sign-in ended with {answer.status_code}: {answer.text[:500]}")


def who_is(app: str, *, session: str | None) -> Any:
    headers = {"Cookie": f"session={session}"} if session else {}
    call = f"{app}/gradio_api/call/who"
    event = httpx.post(call, json={"data": []}, headers=headers).json()["event_id"]
    stream = httpx.get(f"{call}/{event}", headers=headers, timeout=30).text
    assert "event: complete" in stream
    return json.loads(stream.split("data: ")[-1])[0]


def _session(answer: httpx.Response) -> str | None:
    match = re.match(r"session=([^;]+)", answer.headers.get("set-cookie", ""))
    return match and match[1]


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
