"""What a run will take of this machine: its memory as a bar, and its time."""

from dataclasses import dataclass
from pathlib import Path

from core.config.run_config import RunConfig
from core.data.preview import Preview, Statistics
from core.estimate.forecast import Rows, forecast, unforeseen
from core.estimate.model_shape import ModelShape
from core.estimate.rented import cheapest_that_fits
from interface.display import machine, messages, words
from interface.display.render import render
from interface.train.fields import LOOKED_AT

# A person who meant to skip a few bad rows, and skips most, should know.
MANY_SKIPPED = 0.5
LOOKING = messages.muted("Estimating memory and time…")
NOTHING = ""


@dataclass(frozen=True)
class Facts:
    """What a look has found of the model and the data of these settings.

    `reference` is what answers to the first row are compared with, and `skipped` says so where
    most rows are.
    """

    about: str
    rows: Rows
    shape: ModelShape | None
    unknown: str
    reference: str = ""
    skipped: str = ""


def facts_of(config: RunConfig, preview: Preview) -> Facts | None:
    """What a forecast needs; None where there is nothing to train on."""
    rows = preview.known_rows()
    if preview.fault is not None or rows is None:
        return None
    reference = preview.rows[0].answer if preview.rows else ""
    return Facts(
        about=_about(config), rows=rows, shape=preview.shape, unknown=preview.shape_unknown,
        reference=reference, skipped=_skipped(preview.statistics),
    )  # fmt: skip


def show(config: RunConfig, facts: Facts | None, *, home: Path) -> str:
    """The forecast; nothing where none can be made, and while others are looked at, that."""
    if facts is None:
        return NOTHING
    if facts.about != _about(config):
        return LOOKING
    told = messages.problem(facts.skipped) if facts.skipped else ""
    return told + _forecast(config, facts, home=home)


def _forecast(config: RunConfig, facts: Facts, *, home: Path) -> str:
    unknown = unforeseen(config) or facts.unknown
    if facts.shape is None or unknown:
        return messages.muted(f"Memory and time can't be forecast. {unknown}")
    device = machine.now()[0]
    found = forecast(config, facts.shape, facts.rows, device=device, home=home)
    rented = None
    if not found.fits_alone:
        rented = cheapest_that_fits(config, facts.shape, facts.rows, home=home)
    return render(
        "train/forecast.html", found=found, parts=found.memory.parts, rented=rented,
        on_gpu=device.kind == "cuda", most=max(found.memory.total, found.free),
    )  # fmt: skip


def _skipped(found: Statistics) -> str:
    read = found.rows + found.skipped
    if found.skipped <= MANY_SKIPPED * read:
        return ""
    so_far = "" if found.complete else " looked at so far"
    return (
        f"{found.skipped:,} of {words.counted(read, 'row')}{so_far} can't be read and are skipped:"
        " the preview says why."
    )


def _about(config: RunConfig) -> str:
    return config.model_dump_json(include=set(LOOKED_AT))
