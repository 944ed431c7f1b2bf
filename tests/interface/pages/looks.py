"""The data panel as the page's own API shows it."""

import re
import time
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from gradio_client import handle_file

from core.data.previewer import ANSWER_SECONDS
from interface.train.fields import element_id
from tests.interface.harness import Server, without_default


@dataclass(frozen=True)
class Shown:
    """What the panel shows, as text; `learned` is the marked part of its rows.

    `blocking` has what keeps a run from starting, by the id of the field.
    """

    figures: str
    rows: str
    learned: str
    blocking: dict[str, str]


class Looks:
    """One person at the page, who chooses files and settings and looks.

    So many others look at the same time, and may come first.
    """

    def __init__(self, server: Server, *, others: int = 0) -> None:
        self._patience = ANSWER_SECONDS * (1 + others)
        self._client = server.client()
        self._defaults = without_default(self._client)

    def look(self, *files: Path, **values: Any) -> Shown:
        """What the panel shows in the end, which must come soon."""
        began = time.monotonic()
        answers = list(self._ask("/look", files, values))
        assert time.monotonic() - began < self._patience
        figures = str(answers[-1][0])
        assert "Looking at the data" not in figures
        # Later answers leave the rows as they are.
        rows = next((answer[1] for answer in answers[::-1] if isinstance(answer[1], str)), "")
        blocker = next((answer[3] for answer in answers[::-1] if isinstance(answer[3], str)), "")
        return Shown(
            figures=_text(figures), rows=_text(rows), learned=_learned(rows),
            blocking=_by_field(blocker),
        )  # fmt: skip

    def begin(self, *files: Path, **values: Any) -> Any:
        """A look that goes on by itself."""
        return self._ask("/look", files, values)

    def start(self, *files: Path, **values: Any) -> dict[str, str]:
        """What Start says is wrong, by the id of the field."""
        return _by_field(str(list(self._ask("/start", files, values | {"submission": ""}))[-1][1]))

    def problems(self, *files: Path, **values: Any) -> str:
        """What the form itself says is wrong."""
        return _text(
            str(self._client.predict(**self._asked(files, values), api_name="/preview")[4])
        )

    def send(self, *files: Path) -> list[Any]:
        """Files as a field takes them."""
        return [handle_file(str(file)) for file in files]

    def _ask(self, endpoint: str, files: tuple[Path, ...], values: dict[str, Any]) -> Any:
        return self._client.submit(**self._asked(files, values), api_name=endpoint)

    def _asked(self, files: tuple[Path, ...], values: dict[str, Any]) -> dict[str, Any]:
        if files:
            chosen = {"dataset__source": "upload", "dataset__files": self.send(*files)}
            values = chosen | values
        return self._defaults | values


def at(path: str) -> str:
    """The id of the field of a setting."""
    return element_id(path)


def _by_field(problems: str) -> dict[str, str]:
    items = re.findall(r'data-field="([^"]*)".*?data-message="([^"]*)"', problems)
    return {field: unescape(message) for field, message in items}


def _learned(rows: str) -> str:
    pieces = re.findall(r'<span class="trained[^"]*"[^>]*>(.*?)</span>', rows, re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", "".join(pieces)))


def _text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
