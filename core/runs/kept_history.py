"""What a long run's events added up to, kept beside them: to read a million again takes a while."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.machine.atomic import write_atomically

# Events that are read again rather than kept: a fraction of a second's worth.
KEEP_EVERY_BYTES = 4 * 1024 * 1024
# Enough for an event's number and its time: no other file has the same bytes at the same place.
_MARK_BYTES = 1024


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    code: str
    # Up to where in the events, and which bytes lay before it.
    offset: int
    mark: str
    facts: dict[str, Any]


def take_up(path: Path, *, events: Path) -> dict[str, Any] | None:
    """The facts that were kept, None where they are torn, or not of these events and this code."""
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
        is_ours = kept.code == _code() and kept.mark == _mark(events, kept.offset)
    except (OSError, ValidationError):
        return None
    return kept.facts if is_ours else None


def keep(path: Path, facts: dict[str, Any], *, events: Path, offset: int) -> None:
    """Have the next reader begin at `offset`. Who reads may do so: it is replaced in one step."""
    try:
        kept = _Kept(code=_code(), offset=offset, mark=_mark(events, offset), facts=facts)
        write_atomically(path, kept.model_dump_json())
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
    """What adds events up: kept by another version of it, a history may be another."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()
