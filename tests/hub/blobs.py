"""The bytes of every file, on disk."""

import hashlib
import itertools
from pathlib import Path
from typing import BinaryIO

from .errors import HubError

CHUNK = 1 << 20


class Blobs:
    """Bytes on disk, each under its sha256."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root.mkdir(parents=True, exist_ok=True)
        self._names = itertools.count()

    def path(self, sha256: str) -> Path:
        return self._root / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def scratch(self) -> Path:
        """A new path on the same disk, for bytes that are still to be checked."""
        return self._root / f"incoming-{next(self._names)}"

    def add(self, data: bytes) -> str:
        path = self.scratch()
        path.write_bytes(data)
        return self.adopt(path)

    def adopt(self, path: Path, *, expected: str | None = None) -> str:
        """Move a finished file in under its sha256, or refuse it when it isn't the expected one."""
        with path.open("rb") as file:
            sha256 = _digest(file)
        if expected is not None and sha256 != expected:
            path.unlink()
            raise HubError(400, f"The content has the sha256 {sha256} instead of {expected}")
        path.replace(self.path(sha256))
        return sha256


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
