"""What a long run's events added up to, saved beside them: a million take a while to read again."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.machine.atomic import write_atomically

# Events that are read again rather than saved: a fraction of a second's worth.
SAVE_EVERY_BYTES = 4 * 1024 * 1024
# Enough for an event's number and its time: no other file has the same bytes at the same place.
_MARK_BYTES = 1024
# Events, and the settings' values in them.
_FOLDERS = (Path(__file__).parent, Path(__file__).parent.parent / "config")


class _Snapshot(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    code: str
    # Up to where in the events, and which bytes lay before it.
    offset: int
    mark: str
    facts: dict[str, Any]


def load_snapshot(path: Path, *, events: Path) -> dict[str, Any] | None:
    """The facts that were saved, None where they are torn, or not of these events and this code."""
    try:
        saved = _Snapshot.model_validate_json(path.read_bytes())
        is_ours = saved.code == _code() and saved.mark == _mark(events, saved.offset)
    except (OSError, ValidationError):
        return None
    return saved.facts if is_ours else None


def save_snapshot(path: Path, facts: dict[str, Any], *, events: Path, offset: int) -> None:
    """Have the next reader begin at `offset`. Who reads may do so: it is replaced in one step."""
    try:
        made = _Snapshot(code=_code(), offset=offset, mark=_mark(events, offset), facts=facts)
        write_atomically(path, made.model_dump_json())
    except OSError:
        # A full disk, or a run that was just deleted: the next reader reads it all.
        return


def _mark(events: Path, offset: int) -> str:
    start = max(0, offset - _MARK_BYTES)
    with events.open("rb") as file:
        file.seek(start)
        before = file.read(offset - start)
    return hashlib.sha256(before).hexdigest() if len(before) == offset - start else ""


@cache
def _code() -> str:
    """What adds events up: another version of it may add up to another history."""
    modules = sorted(path for folder in _FOLDERS for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()
