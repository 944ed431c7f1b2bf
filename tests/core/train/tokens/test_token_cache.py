"""Tokens of whole files: the same by all cores as by one, kept, and never half or hanging."""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from datasets import Dataset

from core.config.parse import parse_config
from core.data.examples import LOOKED_AT_ROWS, map_rows, rows_of
from core.data.files import read_rows
from core.data.row import Row
from core.data.sources import Source, sources_of
from core.errors import UserError
from core.train.tokenizer import load_tokenizer
from core.train.tokens import token_cache
from core.train.tokens.rows import RowEncoder
from core.train.tokens.token_cache import CHUNK_ROWS, FEW_CHUNKS, FIRST_ROWS, tokens_of

pytestmark = pytest.mark.process

# So many that other processes take part.
MANY = CHUNK_ROWS * (FEW_CHUNKS + 3) + 5


def rows(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"{n} + 1?", "completion": f"{n + 1}" * (n % 7 + 1)} for n in range(count)]


class Made:
    """Encoders for one file of rows, and their tokens."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.file = folder / "rows.jsonl"
        self.cache = folder / "tokens"
        self._home = home

    def write(self, lines: list[dict[str, Any] | str]) -> None:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        self.file.write_text("\n".join(texts) + "\n", encoding="utf-8")

    def encoder(self, rows: Iterator[Row] | None = None, **filters: Any) -> RowEncoder:
        upload = {"source": "upload", "files": ["rows.jsonl"]}
        config = parse_config({"dataset": upload, "filters": filters})
        source: Source = sources_of(config, {"rows.jsonl": self.file}).train[0]
        model = load_tokenizer(config.model, home=self._home, before=None)
        mapped = map_rows(source, rows_of(source) if rows is None else rows)
        return RowEncoder(mapped, config, model.tokenizer)

    def tokens(self, encoder: RowEncoder, *, content: str = "a") -> Dataset:
        return tokens_of(encoder, folder=self.cache, content=content, tokenizer_id="tiny")


@pytest.fixture
def made(home: Path, tmp_path: Path) -> Made:
    return Made(home, tmp_path)


def test_all_cores_make_what_one_makes_in_the_same_order(made: Made) -> None:
    made.write([*rows(MANY)])
    alone = made.encoder()
    expected = [row.sides["row"] for row in alone.encode(list(alone.rows))]
    tokens = made.tokens(made.encoder())
    assert len(tokens) == MANY
    assert tokens["input_ids"][:] == [side.ids.tolist() for side in expected]
    assert tokens["labels"][:] == [side.labels().tolist() for side in expected]
    assert tokens["place"][:] == [f"line {number}" for number in range(1, MANY + 1)]


def test_of_large_rows_few_are_encoded_at_a_time(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cache, "CHUNK_BYTES", 64 * 1024)
    made.write([{"prompt": "a", "completion": "b" * 8 * 1024}] * (FIRST_ROWS + 20))
    made.tokens(made.encoder())
    (path,) = made.cache.iterdir()
    with pa.memory_map(str(path)) as file:
        sizes = [batch.num_rows for batch in pa.ipc.open_stream(file)]
    assert sizes == [FIRST_ROWS, 7, 7, 6]


def test_tokens_are_kept_for_the_next_run(made: Made) -> None:
    made.write([*rows(200)])
    first = made.tokens(made.encoder())
    (path,) = made.cache.iterdir()
    written = path.read_bytes()
    os.utime(path, (0, 0))

    def rows_that_may_not_be_read() -> Iterator[Row]:
        # The first tell what the columns are for.
        yield from islice(read_rows(made.file), LOOKED_AT_ROWS)
        raise AssertionError("A row was read again.")

    again = made.tokens(made.encoder(rows_that_may_not_be_read()))
    assert again["input_ids"][:] == first["input_ids"][:]
    assert [*made.cache.iterdir()] == [path]
    assert path.read_bytes() == written
    # It was used, so it is not among those to be forgotten.
    assert path.stat().st_mtime > 0


@pytest.mark.parametrize("change", [{"drop_duplicates": True}, {"skip_unreadable": True}])
def test_other_rows_never_share_their_tokens(made: Made, change: dict[str, Any]) -> None:
    made.write([*rows(20), *rows(20)])
    plain = made.tokens(made.encoder())
    changed = made.tokens(made.encoder(**change))
    other = made.tokens(made.encoder(), content="b")
    assert len({tokens.cache_files[0]["filename"] for tokens in (plain, changed, other)}) == 3
    assert len(changed) == (20 if "drop_duplicates" in change else 40)


def test_tokens_unused_for_long_are_forgotten(made: Made) -> None:
    made.write([*rows(4)])
    made.tokens(made.encoder())
    (old,) = made.cache.iterdir()
    os.utime(old, (0, 0))
    made.tokens(made.encoder(), content="b")
    assert not old.exists()


def test_a_bad_row_far_down_is_told_and_leaves_nothing_behind(made: Made) -> None:
    made.write([*rows(MANY), '{"prompt": "x"'])
    with pytest.raises(UserError, match=f"Line {MANY + 1} ") as caught:
        made.tokens(made.encoder())
    assert caught.value.field == "dataset.files"
    assert caught.value.hint
    assert list(made.cache.iterdir()) == []


def test_skipped_rows_keep_their_place_and_their_fault(made: Made) -> None:
    made.write([*rows(MANY), "{broken", {"prompt": "", "completion": "x"}])
    tokens = made.tokens(made.encoder(skip_unreadable=True))
    bad = [row for row in tokens if row["length"] == 0]
    assert [row["place"] for row in bad] == [f"line {MANY + 1}", f"line {MANY + 2}"]
    assert all(row["fault"] for row in bad)


def test_a_worker_that_is_killed_ends_in_an_error_and_not_in_a_wait(made: Made) -> None:
    made.write([*rows(MANY)])

    def rows_until_a_worker_dies() -> Iterator[Row]:
        this = psutil.Process()
        for number, row in enumerate(read_rows(made.file)):
            if number == MANY - 1:
                forked = [child for child in this.children() if child.cmdline() == this.cmdline()]
                assert forked
                forked[0].kill()
            yield row

    with pytest.raises(RuntimeError, match="terminated abruptly"):
        made.tokens(made.encoder(rows_until_a_worker_dies()))
    assert list(made.cache.iterdir()) == []


def test_the_file_is_whole_arrow(made: Made) -> None:
    made.write([*rows(3)])
    made.tokens(made.encoder())
    (path,) = made.cache.iterdir()
    with pa.memory_map(str(path)) as file:
        assert pa.ipc.open_stream(file).read_all().num_rows == 3
