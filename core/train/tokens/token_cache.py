"""Tokens of whole sources, made by all cores once and cached for the next run on the same rows."""

import hashlib
import json
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from core.data.row import Row
from core.machine.hardware import cpu_cores
from core.machine.processes import die_with_parent
from core.train.tokens.columns import column_of, schema_of
from core.train.tokens.row_tokens import first_learned, length_of
from core.train.tokens.rows import EncodedRow, RowEncoder

# Raised when the same rows would become other tokens than before.
ENCODING_VERSION = 7
# Rows that one core encodes at a time: the first few tell how large they are.
FIRST_ROWS, CHUNK_ROWS, CHUNK_BYTES = 64, 1000, 4 * 1024**2
# Fewer are done before other processes have begun.
FEW_CHUNKS = 2
UNUSED_SECONDS = 30 * 24 * 3600
# What a process that was killed has left half written.
PART_SECONDS = 24 * 3600
_LIBRARIES = [version(name) for name in ("tokenizers", "transformers", "trl")]
# Beside its tokens. A row that was skipped has a place, a fault, and no tokens.
FACTS = (
    ("length", pa.int32()),
    ("first_learned", pa.int32()),
    ("digest", pa.binary(16)),
    ("group", pa.binary(16)),
    ("place", pa.string()),
    ("fault", pa.string()),
    ("warnings", pa.string()),  # One a line.
)

_worker: list[RowEncoder] = []


def tokens_of(encoder: RowEncoder, *, folder: Path, content: str, tokenizer_id: str) -> Dataset:
    """The tokens of all rows and FACTS of each, from `folder` where they are there.

    `content` and `tokenizer_id` tell these rows and this tokenizer from any other. Raises UserError
    at a row that can't be formatted.
    """
    path = folder / f"{_key(encoder, content=content, tokenizer_id=tokenizer_id)}.arrow"
    if path.exists():
        os.utime(path)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_unused(folder)
        _write(path, _batches(encoder), schema=_schema(encoder.columns))
    return Dataset.from_file(str(path))


def _key(encoder: RowEncoder, *, content: str, tokenizer_id: str) -> str:
    """A name that is the same only where the tokens would be."""
    filters = encoder.source.filters.model_dump(
        include={"skip_unreadable", "drop_where", "drop_empty", "drop_duplicates"}
    )
    described = [
        ENCODING_VERSION, content, tokenizer_id, encoder.encoder.template, _LIBRARIES,
        encoder.encoder.tokenizer.eos_token, _day(encoder.encoder.template),
        asdict(encoder.mapping), encoder.encoder.answers_only, encoder.encoder.closes,
        encoder.columns, encoder.compared, filters,
        # It is part of each place.
        encoder.source.is_named and encoder.source.name,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(described, default=str).encode()).hexdigest()[:32]


def _day(template: str | None) -> str:
    """Today, for a chat template that writes it into every conversation."""
    return date.today().isoformat() if "strftime_now" in (template or "") else ""


def _forget_unused(folder: Path) -> None:
    for path in folder.iterdir():
        lifetime = PART_SECONDS if path.suffix == ".part" else UNUSED_SECONDS
        if path.stat().st_mtime < time.time() - lifetime:
            path.unlink(missing_ok=True)


def _write(path: Path, batches: Iterator[pa.RecordBatch], *, schema: pa.Schema) -> None:
    """Write beside `path` and move it there whole, so that no half file is ever read."""
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        with pa.OSFile(str(aside), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _batches(encoder: RowEncoder) -> Iterator[pa.RecordBatch]:
    """The rows in their order; by all cores where they are many."""
    chunks = _chunks(encoder.rows)
    first = list(islice(chunks, FEW_CHUNKS + 1))
    if len(first) <= FEW_CHUNKS:
        yield from (_encoded(chunk, by=encoder) for chunk in first)
        return
    # Forked, so that nothing is imported again; and where a worker dies the pool says so, rather
    # than wait for it for ever.
    workers = cpu_cores()
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("fork"), initializer=_begin, initargs=(encoder,)
    )
    waiting: deque[Future[pa.RecordBatch]] = deque()
    try:
        for chunk in chain(first, chunks):
            waiting.append(pool.submit(_encode, chunk))
            # No more rows in memory than occupy all of them at work.
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(rows: Iterator[Row]) -> Iterator[bytes]:
    """Some rows at a time, pickled: fewer at once where they are large."""
    count = FIRST_ROWS
    while chunk := list(islice(rows, count)):
        data = pickle.dumps(chunk)
        yield data
        count = min(max(len(chunk) * CHUNK_BYTES // len(data), 1), CHUNK_ROWS)


def _begin(encoder: RowEncoder) -> None:
    # Forked, a worker has not what the trainer asked for itself.
    die_with_parent()
    # The trainer's own answers to these signals would keep a worker alive that is to end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # Each worker has a core to itself.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _worker.append(encoder)


def _encode(chunk: bytes) -> pa.RecordBatch:
    return _encoded(chunk, by=_worker[0])


def _encoded(chunk: bytes, *, by: RowEncoder) -> pa.RecordBatch:
    return _batch(by.encode(pickle.loads(chunk)), columns=by.columns)  # noqa: S301


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([*schema_of(columns), *FACTS])


def _batch(rows: list[EncodedRow], *, columns: Sequence[str]) -> pa.RecordBatch:
    values = [
        *(_array([column_of(name, row) for row in rows]) for name in columns),
        [length_of(row.sides) for row in rows],
        [first_learned(row.sides) for row in rows],
        [row.digest for row in rows],
        [row.group for row in rows],
        [row.place for row in rows],
        [row.fault for row in rows],
        ["\n".join(row.warnings) for row in rows],
    ]
    return pa.record_batch(values, schema=_schema(columns))


def _array(values: list[Any]) -> pa.Array:
    """Numbers of each row, or one value of each."""
    if not isinstance(values[0], np.ndarray):
        return pa.array(values)
    offsets = np.cumsum([0, *(len(each) for each in values)], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(values))
