"""Our tokens of a file: python -m benchmarks.tokenize_ours FILE HOME CACHE_FOLDER CORES"""

import json
import sys
import time
from pathlib import Path

import pyarrow.compute as pc

from core.config.parse import parse_config
from core.data.examples import map_rows, rows_of
from core.data.sources import fingerprint, sources_of
from core.train.tokenizer import load_tokenizer
from core.train.tokens.rows import RowEncoder
from core.train.tokens.token_cache import tokens_of

file, home, cache = map(Path, sys.argv[1:4])
config = parse_config({"dataset": {"source": "upload", "files": [file.name]}})
model = load_tokenizer(config.model, home=home, before=None)
start = time.perf_counter()
(source,) = sources_of(config, {file.name: file}).train
encoder = RowEncoder(map_rows(source, rows_of(source)), config, model.tokenizer)
made = tokens_of(encoder, folder=cache, content=fingerprint(file), tokenizer_id=model.id)
seconds = time.perf_counter() - start
labels = pc.list_flatten(made.data.table["labels"])
told = {"tokens": len(labels), "learned": pc.sum(pc.greater_equal(labels, 0)).as_py()}
print(json.dumps({"seconds": seconds, **told}))
