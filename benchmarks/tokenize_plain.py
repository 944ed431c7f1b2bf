"""The same tokens with datasets.map: python -m benchmarks.tokenize_plain FILE HOME CACHE CORES

The script that somebody writes who knows datasets: batched, a process for each core.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import load_dataset
from transformers import AutoTokenizer

from core.builtin.model import builtin_model_folder

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "templates" / "chat_templates" / "smollm2_training.jinja"

file, home, cache, cores = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(builtin_model_folder(Path(home)))
template = TEMPLATE.read_text(encoding="utf-8")


def tokenize(batch: dict[str, Any]) -> dict[str, Any]:
    made = tokenizer.apply_chat_template(
        batch["messages"], chat_template=template, tokenize=True, return_dict=True,
        return_assistant_tokens_mask=True,
    )  # fmt: skip
    return {"input_ids": made["input_ids"], "assistant_masks": made["assistant_masks"]}


start = time.perf_counter()
rows = load_dataset("json", data_files=file, split="train", cache_dir=cache)
made = rows.map(tokenize, batched=True, num_proc=int(cores), remove_columns=rows.column_names)
seconds = time.perf_counter() - start
masks = pc.list_flatten(made.data.table["assistant_masks"])
print(json.dumps({"seconds": seconds, "tokens": len(masks), "learned": pc.sum(masks).as_py()}))
