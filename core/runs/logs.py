"""The trainer's log: written without secrets and without end, read from its end."""

import re
from pathlib import Path

from core.machine.atomic import write_whole
from core.runs.paths import RunPaths

MAX_LOG_BYTES = 64 * 1024 * 1024
TAIL_BYTES = 32 * 1024
MAX_LINE_BYTES = 8192

# JSON web tokens as sign-in hands them out, with what is glued to their front, and the Hub's own.
# Each run of letters is tried from its start alone and never again: any other way to say it takes
# time by the square of a line that is full of beginnings.
_SECRETS = re.compile(
    rb"(?<![\w-])(?>[\w-]*?(?P<token>eyJ)[\w-]{8})[\w-]*+\.[\w-]{8,}+\.[\w-]{8,}+"
    rb"|hf_[A-Za-z0-9_]{8,}"
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNPRINTABLE = re.compile("[^\t\n -\U0010ffff]|[\x7f-\x9f]")


class LogWriter:
    """Writes a log, whole lines at a time, with secrets struck out; the oldest half is let go."""

    def __init__(self, paths: RunPaths, *, secrets: list[str]) -> None:
        self._paths = paths
        self._secrets = [secret.encode() for secret in secrets if secret]
        # Unbuffered: what a full disk does not take is gone, and not in the way of what follows.
        self._file = paths.log.open("ab", buffering=0)
        self._pending = b""
        self._newest = b""

    def write(self, data: bytes) -> None:
        data = self._pending + data
        # A secret may come in two pieces, so a line is written when it is whole.
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut == 0 and len(data) > MAX_LINE_BYTES:
            cut = self._outside_secrets(data, len(data) - MAX_LINE_BYTES // 2)
        self._pending = data[cut:]
        if cut:
            self._put(data[:cut])

    def _outside_secrets(self, data: bytes, cut: int) -> int:
        """A place at `cut` or before it that splits no secret."""
        live = [re.escape(secret) for secret in self._secrets]
        for found in re.finditer(b"|".join([_SECRETS.pattern, *live]), data):
            if found.start() < cut < found.end():
                # What is longer than any token is none, and must not grow for ever.
                starts = (found.start(), found.start("token"))
                longest = found.end() - MAX_LINE_BYTES
                return next((start for start in starts if longest < start < cut), cut)
        return cut

    def close(self) -> None:
        pending, self._pending = self._pending, b""
        try:
            self._put(pending)
        finally:
            self._file.close()

    def last_words(self) -> str:
        """The end of what this writer was given, also where the disk did not take it."""
        return _as_shown(self._newest)

    def _put(self, data: bytes) -> None:
        for secret in self._secrets:
            data = data.replace(secret, b"[secret]")
        data = _SECRETS.sub(b"[secret]", data)
        self._newest = (self._newest + data)[-TAIL_BYTES:]
        write_whole(self._file.fileno(), data)
        if self._file.tell() > MAX_LOG_BYTES // 2:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Where that can't be done, the file is written on."""
        if self._paths.log.exists():
            self._paths.log.replace(self._paths.older_log)
        file = self._paths.log.open("ab", buffering=0)
        self._file.close()
        self._file = file


def tail(path: Path, *, size: int = TAIL_BYTES) -> str:
    """The end of a log as a terminal would show it: progress bars as their last state."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - size - 1))
        data = file.read()
    if end > size:
        # From the first line that is whole.
        data = data[data.find(b"\n") + 1 :]
    return _as_shown(data)


def _as_shown(data: bytes) -> str:
    text = _ESCAPES.sub("", data.decode(errors="replace"))
    lines = [_overwritten(line) for line in text.replace("\r\n", "\n").split("\n")]
    return _UNPRINTABLE.sub("\ufffd", "\n".join(lines)).strip("\n")


def _overwritten(line: str) -> str:
    """What is left to see of a line after its carriage returns."""
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1] if states else ""
