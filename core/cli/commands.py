"""What each command does. Returns its exit code."""

import argparse
import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from core.cli.output import (
    forecast_lines,
    marked,
    tell,
    tell_person,
)
from core.cli.runs import BAD_INPUT, OK, follow, start, token_of
from core.config.options import DatasetSource
from core.config.parse import load_config, parse_config
from core.config.reference import reference_page, setting_references
from core.config.run_config import RunConfig
from core.data.preview import Question
from core.data.previewer import Previewer, require
from core.errors import UserError
from core.estimate.forecast import forecast, unforeseen
from core.estimate.rented import cheapest_that_fits
from core.jobs import launcher
from core.machine.hardware import devices
from core.publish import demo_space
from core.publish.occupied import Occupied
from core.runs.store import RunStore
from core.settings import Settings

# How long an estimate reads rows.
ESTIMATE_SECONDS = 5.0


def train(asked: argparse.Namespace, settings: Settings) -> int:
    config, files = _load(asked.file)
    return start(asked, settings, config, files=files)


def preview(asked: argparse.Namespace, settings: Settings) -> int:
    config, files = _load(asked.file)
    question = Question(
        config=config, files=files, home=settings.home, count=asked.rows, part=asked.part
    )
    with closing(Previewer()) as previewer:
        preview = previewer.ask(question, token=settings.token)
    if asked.json:
        tell(preview.model_dump_json())
        return OK if preview.fault is None else BAD_INPUT
    for row in preview.rows:
        for side in row.sides:
            learned = f"{side.trained} of {side.tokens} tokens learned"
            if config.method.generates:
                learned = f"{side.tokens} tokens, which the model answers"
            use = f" ({row.use})" if row.use else ""
            tell(f"--- {row.place}, {side.name}: {learned}{use}")
            tell("".join(marked(piece) for piece in side.pieces))
        if row.answer:
            tell(f"--- {row.place}, reference answer: {row.answer}")
    if preview.unused:
        tell(f"Not used: {', '.join(preview.unused)}")
    for setting, rows in preview.statistics.dropped.items():
        tell(f"Dropped by {setting}: {rows}")
    for warning in preview.warnings:
        tell_person(warning)
    require(preview)
    return OK


def estimate(asked: argparse.Namespace, settings: Settings) -> int:
    config, files = _load(asked.file)
    if told := unforeseen(config):
        raise UserError(f"Memory and time can't be estimated. {told}")
    question = Question(
        config=config, files=files, home=settings.home, count=0, seconds=ESTIMATE_SECONDS,
        wants_shape=True,
    )  # fmt: skip
    with closing(Previewer()) as previewer:
        preview = require(previewer.ask(question, token=settings.token))
    rows = preview.known_rows()
    if preview.shape is None or rows is None:
        raise UserError(f"Memory and time can't be estimated. {preview.shape_unknown}".strip())
    device = devices()[0]
    found = forecast(config, preview.shape, rows, device=device, home=settings.home)
    rented = None
    if not found.fits_alone:
        rented = cheapest_that_fits(config, preview.shape, rows, home=settings.home)
    if asked.json:
        rent = {"hardware": rented.name, "price_per_hour": rented.price} if rented else None
        tell(
            json.dumps(
                asdict(found) | {"fits": found.fits, "device": device.name, "would_fit": rent}
            )
        )
    else:
        tell("\n".join(forecast_lines(found, device, rented)))
    return OK


def _load(path: Path) -> tuple[RunConfig, dict[str, Path]]:
    """A run's settings, and the person's files that lie beside them."""
    config = load_config(_read(path))
    files: dict[str, Path] = {}
    if config.dataset.source is not DatasetSource.UPLOAD:
        return config, files
    named = {"dataset.files": config.dataset.files, "evaluation.files": config.evaluation.files}
    for field, names in named.items():
        for name in names:
            file = path.parent / name
            if not file.is_file():
                raise UserError(f"There is no file {name} beside {path.name}.", field=field)
            files[name] = file.resolve()
    return config, files


def push(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).find(asked.run)
    owner, _, name = asked.repo.partition("/")
    chosen = {
        "owner": owner,
        "name": name,
        "hub_private_repo": not asked.public,
        "pull_request": asked.pull_request,
        "weights": asked.weights,
        "replace": asked.replace,
    }
    output = parse_config({"output": chosen}).output
    try:
        launcher.push(run, token=settings.token, output=output)
    except Occupied as error:
        raise UserError(error.message, hint="Choose another name, or add --replace.") from error
    return follow(asked, run)


def make_demo(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).find(asked.run)
    with demo_space.claimed(run):
        demo = demo_space.make(run, token=token_of(settings), report=tell_person)
    tell(demo.model_dump_json() if asked.json else demo.url)
    return OK


def print_schema(asked: argparse.Namespace, _: Settings) -> int:
    tell(json.dumps(RunConfig.model_json_schema(), indent=None if asked.json else 2))
    return OK


def print_settings(asked: argparse.Namespace, _: Settings) -> int:
    if asked.json:
        tell(json.dumps([asdict(setting) for setting in setting_references()]))
    else:
        tell(reference_page().removesuffix("\n"))
    return OK


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.", hint="Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as text.", hint="Give a run's YAML file.") from error
