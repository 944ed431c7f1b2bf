"""What somebody writes who wants to see the tokens of a file's first rows, with datasets.

python -m benchmarks.plain_preview FILE MODEL_FOLDER CACHE_FOLDER
"""

import json
import resource
import sys
import time

START = time.perf_counter()

from datasets import load_dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

file, model, cache = sys.argv[1:]
kind = "json" if file.endswith("jsonl") else "parquet"
rows = load_dataset(kind, data_files=file, split="train", cache_dir=cache)
tokenizer = AutoTokenizer.from_pretrained(model)
for row in rows.select(range(3)):
    messages = row.get("messages") or [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["completion"]},
    ]
    tokenizer.convert_ids_to_tokens(tokenizer.apply_chat_template(messages)["input_ids"])
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": time.perf_counter() - START, "memory": memory}))
