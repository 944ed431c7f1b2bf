"""Share of held-out questions answered in one line of JSON, by the base model and by a result.

    python -m tests.browser.evaluate BASE_FOLDER REPO

Downloads REPO from the Hub at HF_ENDPOINT, loads it, asks questions of the built-in test split,
and prints {"base": share, "tuned": share}.
"""

import json
import sys
from typing import Any

import torch
from huggingface_hub import snapshot_download
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.builtin.datasets import builtin_dataset_files

BATCH = 24
FEW, MANY = 8, 24
MAX_NEW_TOKENS = 48


def questions() -> list[str]:
    lines = builtin_dataset_files("facts_to_json")["test"].read_text().splitlines()
    return [json.loads(line)["messages"][0]["content"] for line in lines]


def answers(model: Any, tokenizer: Any, asked: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(asked), BATCH):
        chats = [[{"role": "user", "content": text}] for text in asked[start : start + BATCH]]
        inputs = tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            outputs = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        new = outputs[:, inputs["input_ids"].shape[1] :]
        found += tokenizer.batch_decode(new, skip_special_tokens=True)
    return found


def is_one_line_of_json(answer: str) -> bool:
    try:
        return isinstance(json.loads(answer), dict) and "\n" not in answer.strip()
    except ValueError:
        return False


def main() -> None:
    base_folder, repo = sys.argv[1:]
    downloaded = snapshot_download(repo)
    # A batch of questions ends where the answers begin.
    tokenizer = AutoTokenizer.from_pretrained(downloaded, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    asked = questions()
    # The base hardly ever answers so: a few questions tell.
    base = answers(model, tokenizer, asked[:FEW])
    tuned = answers(PeftModel.from_pretrained(model, downloaded), tokenizer, asked[:MANY])
    shares = {
        name: sum(map(is_one_line_of_json, found)) / len(found)
        for name, found in (("base", base), ("tuned", tuned))
    }
    sys.stdout.write(json.dumps(shares | {"base_says": base[0], "tuned_says": tuned[0]}))


if __name__ == "__main__":
    main()
