"""Files that people send: only those that this server itself took in and stored."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from core.errors import UserError

MAX_UPLOAD = "2gb"
# Gradio reads this whenever it needs its upload folder.
FOLDER_VARIABLE = "GRADIO_TEMP_DIR"


def store_uploads_in(home: Path) -> None:
    """Have Gradio store uploads under our home, where no other program's files lie."""
    folder = uploads_folder(home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[FOLDER_VARIABLE] = str(folder)


def uploads_folder(home: Path) -> Path:
    return home / "uploads"


def issued_files(value: Any) -> list[Path]:
    """The stored files that a field for several names. Raises as `issued_file` does."""
    files = value if isinstance(value, list) else [value]
    return [path for path in map(issued_file, files) if path is not None]


def issued_file(value: Any) -> Path | None:
    """The stored file that a file field's value names, or None where it is empty.

    Raises UserError when it names anything else.
    """
    if value is None:
        return None
    name = value.get("path") if isinstance(value, dict) else value
    if not isinstance(name, str) or not is_stored(name):
        raise UserError(
            "This is not a file that was uploaded here.",
            hint="Choose the file again.",
            field="dataset.files",
        )
    return Path(name).resolve()


def offered(path: Path) -> Path:
    """A file of ours, stored as if the person had just sent it, so that a field can hold it."""
    folder = Path(os.environ[FOLDER_VARIABLE]) / secrets.token_hex(16)
    folder.mkdir(mode=0o700)
    stored = folder / path.name
    try:
        stored.hardlink_to(path)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(path, stored)
    return stored


def refuse_foreign_files(value: Any) -> None:
    """Look through a request's values for files, and refuse those that we didn't store.

    Gradio's own check is off in an app that is mounted, as ours is, and it would fetch addresses.
    """
    if isinstance(value, dict):
        if isinstance(value.get("path"), str) and not is_stored(value["path"]):
            raise UserError("This is not a file that was uploaded here.", hint="Choose it again.")
        for inner in value.values():
            refuse_foreign_files(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            refuse_foreign_files(inner)


def is_stored(name: object) -> bool:
    """Whether this is the path of a file that this server took in, and still has."""
    if not isinstance(name, str) or "\x00" in name:
        return False
    folder = Path(os.environ[FOLDER_VARIABLE]).resolve()
    path = Path(name)
    return path.is_absolute() and path.is_file() and path.resolve().is_relative_to(folder)
