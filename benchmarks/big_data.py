"""Files of rows to measure with, of words drawn by chance: the same at each run."""

import json
import random
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.machine.source_tree import ROOT

# Words of ordinary lengths, which a tokenizer splits as it does those of real text.
WORDS = (ROOT / "README.md").read_text(encoding="utf-8").split()
DIFFERENT_ROWS = 5000
PARQUET_ROWS = 50_000


def conversations(count: int) -> Iterator[str]:
    """Lines of json, each with the messages of one to three turns."""
    chance = random.Random(1)
    for _ in range(count):
        turns = range(chance.choice((1, 1, 2, 3)))
        pairs = ((_words(chance, 5, 40), _words(chance, 10, 120)) for _ in turns)
        messages = [
            {"role": role, "content": text}
            for pair in pairs
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        yield json.dumps({"messages": messages}) + "\n"


def write_jsonl(path: Path, *, size: int) -> Path:
    """A file of conversations with so many bytes."""
    lines = cycle(list(conversations(DIFFERENT_ROWS)))
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            file.writelines(islice(lines, DIFFERENT_ROWS))
    return path


def write_parquet(path: Path, *, rows: int) -> Path:
    """A file of prompts with their completions, no two rows alike."""
    chance = random.Random(2)
    texts = [(_words(chance, 10, 40), _words(chance, 20, 80)) for _ in range(DIFFERENT_ROWS)]
    schema = pa.schema([("prompt", pa.string()), ("completion", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, PARQUET_ROWS):
            pairs = list(islice(cycle(texts), PARQUET_ROWS))
            prompts = [f"{start + number}. {asked}" for number, (asked, _) in enumerate(pairs)]
            answers = [said for _, said in pairs]
            writer.write_table(pa.table([prompts, answers], schema=schema))
    return path


def _words(chance: random.Random, least: int, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(least, most)))
