"""What each command does. Returns its exit code."""

import argparse
import json
import secrets
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.restorable import restorable_run, restorable_runs
from core.checkpoint_sync.restore import restore
from core.cli.output import (
    forecast_lines,
    marked,
    progress_line,
    show,
    status_line,
    tell,
    tell_person,
)
from core.config.options import DatasetSource
from core.config.parse import load_config, parse_config
from core.config.reference import reference_page, setting_references
from core.config.run_config import RunConfig
from core.data.preview import Question
from core.data.previewer import Previewer, require
from core.errors import UserError
from core.estimate.forecast import forecast, unforeseen
from core.estimate.rented import cheapest_that_fits
from core.hub.client import hub_endpoint
from core.jobs import launcher, preflight
from core.jobs.liveness import current_status
from core.jobs.patience import stop_note
from core.machine.hardware import devices
from core.publish import demo_space, free_name
from core.publish.occupied import Occupied
from core.runs.history import History
from core.runs.state import RunState, RunStatus, UnreadableRun, Wish
from core.runs.store import Run, RunStore
from core.settings import Settings

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
FOLLOW_SECONDS = 0.5
# How long an estimate reads rows.
ESTIMATE_SECONDS = 5.0
GOOD_ENDS = (RunState.DONE, RunState.STOPPED)


def train(asked: argparse.Namespace, settings: Settings) -> int:
    store = RunStore(settings.home)
    config, files = _load(asked.file)
    config = free_name.named(config, store=store, token=settings.token)
    warnings = preflight.check(
        config, files=files, home=settings.home, token=settings.token, report=tell_person
    )
    for text in warnings:
        tell_person(text)
    run = launcher.start(
        store, config, files=files, submission=secrets.token_hex(16),
        token=settings.token, warnings=warnings,
    )  # fmt: skip
    if not asked.follow:
        show(asked, run.status())
        return OK
    return _follow(asked, run)


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


def list_runs(asked: argparse.Namespace, settings: Settings) -> int:
    statuses: list[RunStatus | UnreadableRun] = []
    for run in RunStore(settings.home).list():
        try:
            statuses.append(current_status(run))
        except UserError as error:
            statuses.append(UnreadableRun(id=run.id, note=str(error)))
    if asked.json:
        tell(json.dumps([status.model_dump(mode="json") for status in statuses]))
        return OK
    for status in statuses:
        tell(status_line(status))
    if not statuses:
        tell_person("No runs yet. Start one with: python -m core train RUN.yaml")
    return OK


def show_run(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    status = current_status(run)
    if asked.follow and status.state.live:
        return _follow(asked, run)
    show(asked, status)
    if run.paths.model.is_dir():
        tell_person(f"The model is in {run.paths.model}")
    history = History.of(run.paths)
    history.follow()
    _tell_links(history)
    return OK


def list_restorable(asked: argparse.Namespace, settings: Settings) -> int:
    found = restorable_runs(_token(settings))
    for problem in found.problems:
        tell_person(problem)
    if asked.json:
        tell(json.dumps([synced.manifest.model_dump(mode="json") for synced in found.runs]))
        return OK
    for synced in found.runs:
        manifest = synced.manifest
        tell(
            f"{manifest.run}  step {manifest.step}/{manifest.total}  {manifest.name}"
            f"  {hub_endpoint()}/{synced.repo}"
        )
    if not found.runs and not found.problems:
        tell_person("The Hub has no checkpoint of a run of yours.")
    return OK


def restore_run(asked: argparse.Namespace, settings: Settings) -> int:
    token = _token(settings)
    synced = restorable_run(asked.run, token)
    show(asked, restore(RunStore(settings.home), synced, token=token).status())
    return OK


def _token(settings: Settings) -> SecretStr:
    if settings.token is None:
        raise UserError("This needs a Hugging Face token.", hint="Set HF_TOKEN.")
    return settings.token


def stop(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    if asked.now:
        launcher.cancel(run)
    else:
        launcher.stop(run)
    return _follow(asked, run)


def resume(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    launcher.resume(run, token=settings.token)
    if asked.follow:
        return _follow(asked, run)
    show(asked, run.status())
    return OK


def push(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
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
    return _follow(asked, run)


def make_demo(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    with demo_space.claimed(run):
        demo = demo_space.make(run, token=_token(settings), report=tell_person)
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


def _follow(asked: argparse.Namespace, run: Run) -> int:
    """Tell how a run goes until it has ended."""
    history = History.of(run.paths)
    history.follow()
    shown, noted, told = "", "", len(history.warnings)
    while (status := current_status(run)).state.live:
        history.follow()
        for text in history.warnings[told:]:
            tell_person(text)
        told = len(history.warnings)
        if run.wish() is Wish.STOP and (note := stop_note(history)) != noted:
            tell_person(note)
            noted = note
        if not asked.json and (line := progress_line(history)) != shown:
            tell_person(line)
            shown = line
        time.sleep(FOLLOW_SECONDS)
    history.follow()
    show(asked, status)
    _tell_links(history)
    cause = history.failure or history.push_failure
    is_well = status.state in GOOD_ENDS and history.push_failure is None
    if not is_well and cause is not None:
        tell_person(" ".join([cause.explanation, *cause.remedies]))
    asked_for = asked.handler is stop and status.state is RunState.CANCELED
    return OK if asked_for or is_well else FAILED


def _tell_links(history: History) -> None:
    for there in (history.pushed, history.tracked):
        if there is not None:
            tell_person(there.url)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.", hint="Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as text.", hint="Give a run's YAML file.") from error
