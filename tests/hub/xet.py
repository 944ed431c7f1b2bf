"""Xet without a Xet server: hf_xet's own local stores, lent to the clients and read back here.

A store belongs to one process for as long as that process keeps a transfer's object, so no two
parties ever share one. Each upload gets a store of its own; what it brought is read from a copy.
Each download gets a copy of the Hub's own store, which no client opens.
"""

import itertools
import os
import shutil
import struct
import threading
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

# Where hf_xet puts the parts of a local store.
PARTS = Path("xet", "xorbs")
INDEX = "global_dedup_lookup.redb"
IMMUTABLE = ("xorbs", "shards")

HASH = struct.Struct("<4Q")
HEADER = struct.Struct("<32sQQ")
FILE = struct.Struct("<32sIIQ")
TERM = struct.Struct("<32sIIII")
BOOKEND = b"\xff" * 32
WITH_VERIFICATION = 1 << 31
WITH_SHA256 = 1 << 30

LIFETIME = 24 * 3600


class XetFile(NamedTuple):
    """A file that a store holds, as its shards describe it."""

    xet_hash: str
    sha256: str | None
    size: int


class XetStores:
    """The Hub's own store, and those that it lends."""

    def __init__(self, root: Path) -> None:
        self._own = root / "own"
        self._uploads = root / "uploads"
        self._copies = root / "copies"
        self._names = itertools.count()
        self._hashes: dict[str, str] = {}
        self._to_keep: dict[str, Path] = {}
        self._sync = threading.Lock()

    def lend_for_upload(self) -> str:
        """The address of a new, empty store."""
        store = self._uploads / str(next(self._names))
        store.mkdir(parents=True)
        return _address(store)

    def lend_for_download(self) -> str:
        """The address of a new copy of everything that the Hub holds."""
        with self._sync:
            while self._to_keep:
                self._keep(*self._to_keep.popitem())
            return _address(self._copy(self._own))

    def recover(self, sha256: str, *, to: Path) -> bool:
        """Rebuild an uploaded file from whichever store it came in; False when none has it."""
        for store in sorted(self._uploads.glob("*")):
            for file in _files(store):
                if file.sha256 == sha256:
                    self._download(file, store=self._copy(store), to=to)
                    self._hashes[sha256] = file.xet_hash
                    return True
        return False

    def recover_named(self, xet_hash: str, *, to: Path) -> bool:
        """As `recover`, for a file whose uploader told no sha256."""
        for store in sorted(self._uploads.glob("*")):
            for file in _files(store):
                if file.xet_hash == xet_hash:
                    self._download(file, store=self._copy(store), to=to)
                    return True
        return False

    def take(self, path: Path, *, sha256: str) -> str:
        """Take a file in for later downloads; returns its Xet hash."""
        from hf_xet import hash_files

        if sha256 not in self._hashes:
            self._hashes[sha256] = hash_files([str(path)])[0].hash
        # Storing it can wait: a client gives up on a commit that takes ten seconds.
        self._to_keep[sha256] = path
        return self._hashes[sha256]

    @cached_property
    def _session(self) -> Any:
        from hf_xet import XetSession

        return XetSession()

    def _keep(self, sha256: str, path: Path) -> None:
        self._own.mkdir(parents=True, exist_ok=True)
        with self._session.new_upload_commit(**_connection(self._own)) as transfer:
            transfer.start_upload_file(str(path), sha256=sha256)

    def _download(self, file: XetFile, *, store: Path, to: Path) -> None:
        from hf_xet import XetFileInfo

        with self._session.new_file_download_group(**_connection(store)) as group:
            group.start_download_file(XetFileInfo(file.xet_hash, file.size), str(to))

    def _copy(self, store: Path) -> Path:
        copy = self._copies / str(next(self._names))
        (copy / PARTS).mkdir(parents=True)
        for part in IMMUTABLE:
            shutil.copytree(store / PARTS / part, copy / PARTS / part, copy_function=os.link)
        shutil.copy(store / PARTS / INDEX, copy / PARTS / INDEX)
        return copy


def _address(store: Path) -> str:
    return f"local://{store}"


def _connection(store: Path) -> dict[str, Any]:
    return {
        "endpoint": _address(store),
        "token": "unused",
        "token_expiry_unix_secs": int(time.time()) + LIFETIME,
    }


def _files(store: Path) -> Iterator[XetFile]:
    for shard in sorted((store / PARTS / "shards").glob("*.mdb")):
        yield from _described(shard.read_bytes())


def _described(shard: bytes) -> Iterator[XetFile]:
    offset = HEADER.size
    while True:
        name, flags, terms, _ = FILE.unpack_from(shard, offset)
        offset += FILE.size
        if name == BOOKEND:
            return
        sizes = [TERM.unpack_from(shard, offset + TERM.size * n)[2] for n in range(terms)]
        offset += TERM.size * terms * (2 if flags & WITH_VERIFICATION else 1)
        sha256 = None
        if flags & WITH_SHA256:
            sha256 = _hexadecimal(shard[offset : offset + HASH.size])
            offset += FILE.size
        yield XetFile(_hexadecimal(name), sha256, sum(sizes))


def _hexadecimal(raw: bytes) -> str:
    # Xet writes its hashes as four little-endian words.
    return "".join(f"{word:016x}" for word in HASH.unpack(raw))
