"""A home folder of its own for what is measured, with the built-in model and nothing else in it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.builtin.model import builtin_model_folder, prepare_model
from core.settings import load_settings

_FOREIGN = ("HF_", "SPACE", "OAUTH_", "SMOLFACTORY_", "GRADIO_", "MALLOC_")


@contextmanager
def new_home() -> Iterator[Path]:
    """A home that is deleted afterwards. Its caches are empty, so none helps one side alone."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        model = builtin_model_folder(home)
        model.parent.mkdir(parents=True)
        model.symlink_to(prepare_model(load_settings().home))
        yield home


def environment_of(home: Path) -> dict[str, str]:
    """A person's environment with this home, no token, and no Hub to wait for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | {
        "SMOLFACTORY_HOME": str(home),
        "HF_HOME": str(home / "hf"),
        # Nobody listens there: the Hub is out of reach at once, for both sides.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONUNBUFFERED": "1",
    }
