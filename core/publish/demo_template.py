"""The folder of a Space where everybody can talk to a fine-tuned model."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import SpaceCard

from core.machine.atomic import write_atomically
from core.machine.source_tree import TEMPLATES

TEMPLATE = TEMPLATES / "spaces" / "demo"
FILES = ("app.py", "language_model.py", "requirements.txt")
MODEL_FOLDER = "model"
MAX_NEW_TOKENS = 256

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def fill_demo(
    folder: Path,
    *,
    title: str,
    model: str,
    base_model: str,
    is_adapter: bool,
    examples: Sequence[str] = (),
    system_prompt: str = "",
    description: str = "",
    license: str | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> None:
    """Write all files of a demo Space into `folder`, except the model's own.

    `model` is a repository of the Hub, or MODEL_FOLDER where the weights go into the Space too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(TEMPLATE / name, folder / name)
    title = " ".join(title.split())
    demo = {
        "title": title,
        "model": model,
        "base_model": base_model,
        "is_adapter": is_adapter,
        "system_prompt": system_prompt,
        "examples": list(examples),
        "max_new_tokens": max_new_tokens,
        "description": description,
    }
    write_atomically(folder / "demo.json", json.dumps(demo, indent=2, ensure_ascii=False) + "\n")
    card = SpaceCard.load(TEMPLATE / "README.md")
    card.data.title = title
    card.data.license = license
    card.data.models = [
        name for name in dict.fromkeys((model, base_model)) if _REPOSITORY.fullmatch(name)
    ] or None
    write_atomically(folder / "README.md", str(card))
