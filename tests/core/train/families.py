"""Model families whose chat templates differ, as tiny models can be made of each."""

from pathlib import Path
from typing import Any

import trl

from tests.tiny_model import CHAT_TEMPLATE, SPECIAL

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
LLAMA = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
FAMILIES: dict[str, dict[str, Any]] = {
    "smollm2": {"template": CHAT_TEMPLATE},
    "qwen3": {"template": (TEMPLATES / "qwen3.jinja").read_text(encoding="utf-8")},
    "llama3": {
        "template": (TEMPLATES / "llama3.jinja").read_text(encoding="utf-8"),
        "begin": LLAMA[0],
        "end": LLAMA[3],
        "special": SPECIAL + LLAMA,
    },
}
