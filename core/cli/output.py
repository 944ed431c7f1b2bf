"""What the command line says, to a person or to a program."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from core.data.preview import Piece
from core.errors import InvalidConfig, UserError
from core.estimate.forecast import Forecast
from core.estimate.rented import Rented
from core.jobs.fixes import Fix
from core.machine.hardware import Device
from core.runs.history import History
from core.runs.state import RunState, RunStatus, UnreadableRun

# What `status_line` tells, where it is known.
STATUS_HEADER = f"{'ID':<24}  {'STATE':<11}  NAME  STEP  LOSS  REPOSITORY  NOTE"


def marked(piece: Piece) -> str:
    """The text as a terminal shows it: green where it is learned, struck out where cut off."""
    style = "9" if piece.cut else "32" if piece.trained else "0"
    # A row must not steer the terminal.
    text = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in piece.text)
    return f"\x1b[{style}m{text}\x1b[0m" if sys.stdout.isatty() else text


def progress_line(history: History) -> str:
    progress = history.progress
    if progress is None or history.state is not RunState.TRAINING:
        return " ".join(part for part in (history.state, history.note) if part)
    loss = f", loss {history.latest['loss']:.4f}" if "loss" in history.latest else ""
    left = f", {progress.eta:.0f} s left" if progress.eta is not None else ""
    return f"step {progress.step}/{progress.total}{loss}{left}"


def forecast_lines(found: Forecast, device: Device, rented: Rented | None) -> Iterator[str]:
    """`rented` is hardware on which a run would fit that doesn't fit here."""
    memory, gigabytes = found.memory, 1024**3
    verdict = "fits" if found.fits else "more than is free" if found.fits_alone else "does not fit"
    yield (
        f"Memory: {memory.total / gigabytes:.1f} GB at the peak, "
        f"{found.free / gigabytes:.1f} GB free on {device.name}: {verdict}."
    )
    yield "  " + ", ".join(
        f"{name} {size / gigabytes:.2f} GB" for name, size in memory.parts.items()
    )
    if found.instead:
        yield f"  {found.instead}"
    if rented is not None:
        yield f"  A Space with an {rented.name} should have it, for ${rented.price:.2f} an hour."
    if found.seconds is not None and found.speed is not None:
        how = "by earlier runs here" if found.speed.is_measured else "a rough guess"
        yield f"Time: about {found.seconds / 60:.0f} min ({found.steps:,} steps), {how}."
    elif found.steps is not None:
        yield f"Time: unknown for {found.steps:,} steps until a run has been timed here."
    else:
        yield "Time: unknown, as is the number of rows."


def fix_lines(fixes: Sequence[Fix]) -> Iterator[str]:
    for number, fix in enumerate(fixes, 1):
        changes = ", ".join(f"{each.path} {each.old} → {each.new}" for each in fix.changes)
        yield f"{number}. {fix.text} ({changes})"


def fixes_for_machines(fixes: Sequence[Fix]) -> list[dict[str, Any]]:
    return [
        {
            "fix": number,
            "text": fix.text,
            "changes": {each.path: {"old": each.old, "new": each.new} for each in fix.changes},
        }
        for number, fix in enumerate(fixes, 1)
    ]


def show(asked: argparse.Namespace, status: RunStatus) -> None:
    tell(status.model_dump_json() if asked.json else status_line(status))


def status_line(status: RunStatus | UnreadableRun) -> str:
    if isinstance(status, UnreadableRun):
        return f"{status.id}  {status.state:<11}  {status.note}"
    loss = f"loss {status.loss:.4f}" if status.loss is not None else ""
    steps = f"{status.step}/{status.total}" if status.total else ""
    pushed = status.pushed_to or ""
    parts = [status.id, f"{status.state:<11}", status.name, steps, loss, pushed, status.note]
    return "  ".join(part for part in parts if part)


def complain(error: UserError, *, as_json: bool) -> None:
    fields = error.fields if isinstance(error, InvalidConfig) else {}
    if as_json:
        answer = {
            "error": error.message, "hint": error.hint, "field": error.field, "fields": fields
        }  # fmt: skip
        tell(json.dumps(answer))
    elif fields:
        for field, message in fields.items():
            tell_person(f"{field}: {message}" if field else message)
    else:
        tell_person(str(error))


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell_person(text: str) -> None:
    """What is not the answer goes where a script does not read."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
