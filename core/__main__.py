"""The command line: the same runs as the page's, by the same core.

Exit codes: 0 all is well; 1 the run or the push ended badly; 2 something to put right in what was
asked; 130 interrupted by the keyboard (the run itself goes on).
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import get_args

from pydantic import SecretStr

from core.checkpoint_sync.restore import bring_back, kept_runs
from core.config.options import DatasetSource, Weights
from core.config.parse import load_config, parse_config
from core.config.run_config import RunConfig
from core.data.preview import Piece, Question, RowsPart
from core.data.previewer import Previewer, require
from core.errors import InvalidConfig, UserError
from core.jobs import launcher, preflight
from core.jobs.liveness import current_status
from core.publish import demo_space
from core.runs.history import History
from core.runs.state import RunState, RunStatus
from core.runs.store import Run, RunStore
from core.settings import Settings, load_settings

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
FOLLOW_SECONDS = 0.5
GOOD_ENDS = (RunState.DONE, RunState.STOPPED)


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace, Settings], int] = asked.handler
        return run(asked, load_settings())
    except UserError as error:
        _complain(error, as_json=asked.json)
        return BAD_INPUT
    except KeyboardInterrupt:
        _tell_person("The run goes on. See it with: python -m core runs list")
        return INTERRUPTED


def _train(asked: argparse.Namespace, settings: Settings) -> int:
    config, files = _load(asked.file)
    warnings = preflight.check(
        config, files=files, home=settings.home, token=settings.token, report=_tell_person
    )
    for text in warnings:
        _tell_person(text)
    run = launcher.start(
        RunStore(settings.home), config, files=files, submission=secrets.token_hex(16),
        token=settings.token, warnings=warnings,
    )  # fmt: skip
    if not asked.follow:
        _show(asked, run.status())
        return OK
    return _follow(asked, run)


def _preview(asked: argparse.Namespace, settings: Settings) -> int:
    config, files = _load(asked.file)
    question = Question(
        config=config, files=files, home=settings.home, count=asked.rows, part=asked.part
    )
    with closing(Previewer()) as previewer:
        preview = previewer.ask(question, token=settings.token)
    if asked.json:
        _tell(preview.model_dump_json())
        return OK if preview.fault is None else BAD_INPUT
    for row in preview.rows:
        for side in row.sides:
            learned = f"{side.trained} of {side.tokens} tokens learned"
            use = f" ({row.use})" if row.use else ""
            _tell(f"--- {row.place}, {side.name}: {learned}{use}")
            _tell("".join(_marked(piece) for piece in side.pieces))
    for warning in preview.warnings:
        _tell_person(warning)
    require(preview)
    return OK


def _marked(piece: Piece) -> str:
    """The text as a terminal shows it: green where it is learned, struck out where cut off."""
    style = "9" if piece.cut else "32" if piece.trained else "0"
    # A row must not steer the terminal.
    text = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in piece.text)
    return f"\x1b[{style}m{text}\x1b[0m" if sys.stdout.isatty() else text


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


def _list(asked: argparse.Namespace, settings: Settings) -> int:
    statuses = []
    for run in RunStore(settings.home).list():
        try:
            statuses.append(current_status(run))
        except UserError as error:
            _tell_person(str(error))
    if asked.json:
        _tell(json.dumps([status.model_dump(mode="json") for status in statuses]))
        return OK
    for status in statuses:
        _tell(_line(status))
    if not statuses:
        _tell_person("No runs yet. Start one with: python -m core train RUN.yaml")
    return OK


def _show_run(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    status = current_status(run)
    if asked.follow and status.state.live:
        return _follow(asked, run)
    _show(asked, status)
    if run.paths.model.is_dir():
        _tell_person(f"The model is in {run.paths.model}")
    return OK


def _kept(asked: argparse.Namespace, settings: Settings) -> int:
    found = kept_runs(_token(settings))
    if asked.json:
        _tell(json.dumps([kept.manifest.model_dump(mode="json") for kept in found]))
        return OK
    for kept in found:
        manifest = kept.manifest
        _tell(
            f"{manifest.run}  step {manifest.step}/{manifest.total}  {manifest.name}  {kept.repo}"
        )
    if not found:
        _tell_person("The Hub keeps no checkpoint of a run of yours.")
    return OK


def _fetch(asked: argparse.Namespace, settings: Settings) -> int:
    token = _token(settings)
    kept = next((kept for kept in kept_runs(token) if kept.manifest.run == asked.run), None)
    if kept is None:
        raise UserError(
            f"The Hub keeps no checkpoint of a run {asked.run}.", hint="See: runs kept."
        )
    _show(asked, bring_back(RunStore(settings.home), kept, token=token).status())
    return OK


def _token(settings: Settings) -> SecretStr:
    if settings.token is None:
        raise UserError("This needs a Hugging Face token.", hint="Set HF_TOKEN.")
    return settings.token


def _stop(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    if asked.now:
        launcher.cancel(run)
    else:
        launcher.stop(run)
    return _follow(asked, run)


def _resume(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    launcher.resume(run, token=settings.token)
    if asked.follow:
        return _follow(asked, run)
    _show(asked, run.status())
    return OK


def _push(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    owner, _, name = asked.repo.partition("/")
    chosen = {
        "owner": owner,
        "name": name,
        "private": not asked.public,
        "pull_request": asked.pull_request,
        "weights": asked.weights,
    }
    output = parse_config({"output": chosen}).output
    launcher.push(run, token=settings.token, output=output)
    return _follow(asked, run)


def _demo(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).open(asked.run)
    demo = demo_space.deploy(run, token=_token(settings), report=_tell_person)
    _tell(demo.model_dump_json() if asked.json else demo.url)
    return OK


def _schema(asked: argparse.Namespace, _: Settings) -> int:
    _tell(json.dumps(RunConfig.model_json_schema(), indent=None if asked.json else 2))
    return OK


def _follow(asked: argparse.Namespace, run: Run) -> int:
    """Tell how a run goes until it has ended."""
    history = History(path=run.paths.events)
    shown = ""
    while (status := current_status(run)).state.live:
        history.follow()
        if not asked.json and (line := _progress(history)) != shown:
            _tell_person(line)
            shown = line
        time.sleep(FOLLOW_SECONDS)
    history.follow()
    _show(asked, status)
    cause = history.failure or history.push_failure
    is_well = status.state in GOOD_ENDS and history.push_failure is None
    if not is_well and cause is not None:
        _tell_person(" ".join([cause.explanation, *cause.remedies]))
    asked_for = asked.handler is _stop and status.state is RunState.CANCELED
    return OK if asked_for or is_well else FAILED


def _progress(history: History) -> str:
    progress = history.progress
    if progress is None or history.state is not RunState.TRAINING:
        return " ".join(part for part in (history.state, history.note) if part)
    loss = f", loss {history.latest['loss']:.4f}" if "loss" in history.latest else ""
    left = f", {progress.eta:.0f} s left" if progress.eta is not None else ""
    return f"step {progress.step}/{progress.total}{loss}{left}"


def _show(asked: argparse.Namespace, status: RunStatus) -> None:
    _tell(status.model_dump_json() if asked.json else _line(status))


def _line(status: RunStatus) -> str:
    loss = f"loss {status.loss:.4f}" if status.loss is not None else ""
    steps = f"{status.step}/{status.total}" if status.total else ""
    pushed = status.pushed_to or ""
    parts = [status.id, f"{status.state:<11}", status.name, steps, loss, pushed, status.note]
    return "  ".join(part for part in parts if part)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as text.", hint="Give a run's YAML file.") from error


def _complain(error: UserError, *, as_json: bool) -> None:
    fields = error.fields if isinstance(error, InvalidConfig) else {}
    if as_json:
        answer = {
            "error": error.message, "hint": error.hint, "field": error.field, "fields": fields
        }  # fmt: skip
        _tell(json.dumps(answer))
    elif fields:
        for field, message in fields.items():
            _tell_person(f"{field}: {message}")
    else:
        _tell_person(str(error))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell_person(text: str) -> None:
    """What is not the answer goes where a script does not read."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="answer in JSON, for machines")
    follow = argparse.ArgumentParser(add_help=False)
    follow.add_argument("--follow", action="store_true", help="stay until the run has ended")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", parents=[common, follow], help="start a run")
    train.add_argument("file", type=Path, metavar="RUN.yaml")
    train.set_defaults(handler=_train)

    preview = commands.add_parser(
        "preview", parents=[common], help="rows as the model will see them"
    )
    preview.add_argument("file", type=Path, metavar="RUN.yaml")
    preview.add_argument("--rows", type=int, default=3, metavar="N", help="how many rows")
    preview.add_argument(
        "--part", choices=get_args(RowsPart), default="training", help="which rows to show"
    )
    preview.set_defaults(handler=_preview)

    runs = commands.add_parser("runs", help="list, show, stop, resume and bring back runs")
    actions = runs.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", parents=[common], help="all runs, the newest first")
    listing.set_defaults(handler=_list)
    show = actions.add_parser("show", parents=[common, follow], help="one run")
    stop = actions.add_parser("stop", parents=[common], help="save what was learned, and end")
    stop.add_argument("--now", action="store_true", help="cancel: keep nothing new")
    resume = actions.add_parser("resume", parents=[common, follow], help="go on where it ended")
    kept = actions.add_parser("kept", parents=[common], help="runs that the Hub keeps")
    kept.set_defaults(handler=_kept)
    fetch = actions.add_parser("fetch", parents=[common], help="bring a kept run back, to resume")
    for action, handler in (
        (show, _show_run), (stop, _stop), (resume, _resume), (fetch, _fetch),
    ):  # fmt: skip
        action.add_argument("run", metavar="RUN_ID")
        action.set_defaults(handler=handler)

    push = commands.add_parser("push", parents=[common], help="push a run's model to the Hub")
    push.add_argument("run", metavar="RUN_ID")
    push.add_argument("repo", metavar="OWNER/NAME")
    push.add_argument("--public", action="store_true", help="for everybody to see")
    push.add_argument(
        "--pull-request", action="store_true", help="propose it to a repository that is there"
    )
    push.add_argument(
        "--weights", choices=[*Weights], default=Weights.ADAPTER, help="what of an adapter to push"
    )
    push.set_defaults(handler=_push)

    demo = commands.add_parser("demo", parents=[common], help="make a demo Space of a run's model")
    demo.add_argument("run", metavar="RUN_ID")
    demo.set_defaults(handler=_demo)

    schema = commands.add_parser("schema", parents=[common], help="the JSON Schema of RUN.yaml")
    schema.set_defaults(handler=_schema)
    return parser


if __name__ == "__main__":
    sys.exit(main())
