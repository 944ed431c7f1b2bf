"""The arguments of each command, and which function answers it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, get_args

from core.cli import commands, runs
from core.config.options import Weights
from core.data.preview import RowsPart
from core.settings import Settings

Handler = Callable[[argparse.Namespace, Settings], int]
# argparse does not name the type of what add_subparsers returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Asked(argparse.Namespace):
    """A parsed command line: besides the command's own arguments, these."""

    json: bool
    handler: Handler


def parse(arguments: list[str] | None, *, description: str | None) -> Asked:
    """The arguments of a command line. Exits with 2 and a usage message when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(subparsers)
    _add_preview(subparsers)
    _add_estimate(subparsers)
    _add_runs(subparsers)
    _add_push(subparsers)
    _add_demo(subparsers)
    _add_schema(subparsers)
    _command(subparsers, "settings", commands.print_settings, help="all settings, as Markdown")
    return parser.parse_args(arguments, namespace=Asked())


def _command(
    subparsers: Subparsers, name: str, handler: Handler, *, help: str
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=help)
    parser.add_argument("--json", action="store_true", help="answer in JSON, for machines")
    parser.set_defaults(handler=handler)
    return parser


def _add_train(subparsers: Subparsers) -> None:
    train = _command(subparsers, "train", commands.train, help="start a run")
    train.add_argument("file", type=Path, metavar="RUN.yaml")
    _add_follow(train)


def _add_preview(subparsers: Subparsers) -> None:
    preview = _command(
        subparsers, "preview", commands.preview, help="rows as the model will see them"
    )
    preview.add_argument("file", type=Path, metavar="RUN.yaml")
    preview.add_argument("--rows", type=int, default=3, metavar="N", help="how many rows")
    preview.add_argument(
        "--part", choices=get_args(RowsPart), default="training", help="which rows to show"
    )


def _add_estimate(subparsers: Subparsers) -> None:
    estimate = _command(
        subparsers, "estimate", commands.estimate, help="memory and time of a run, before it starts"
    )
    estimate.add_argument("file", type=Path, metavar="RUN.yaml")


def _add_runs(subparsers: Subparsers) -> None:
    about_runs = subparsers.add_parser("runs", help="list, show, stop, resume and retry runs")
    actions = about_runs.add_subparsers(required=True, metavar="ACTION")
    _command(actions, "list", runs.list_runs, help="all runs, the newest first")
    show = _command(actions, "show", runs.show_run, help="one run")
    stop = _command(actions, "stop", runs.stop, help="save what was learned, and end")
    stop.add_argument("--now", action="store_true", help="cancel: save nothing new")
    resume = _command(actions, "resume", runs.resume, help="continue from the last checkpoint")
    _command(
        actions,
        "restorable",
        runs.list_restorable,
        help="runs whose checkpoints are on the Hub",
    )
    restore = _command(
        actions, "restore", runs.restore_run, help="download a run from the Hub, to resume it"
    )
    retry = _command(
        actions, "retry", runs.retry, help="start a new run with the settings of another"
    )
    retry.add_argument(
        "--fix", type=int, metavar="N", help="and with one of the fixes that `runs show` lists"
    )
    for action in (show, stop, resume, retry):
        _add_run(action)
    restore.add_argument("run", metavar="RUN_ID")
    for action in (show, resume, retry):
        _add_follow(action)


def _add_push(subparsers: Subparsers) -> None:
    push = _command(subparsers, "push", commands.push, help="push a run's model to the Hub")
    _add_run(push)
    push.add_argument("repo", metavar="OWNER/NAME")
    push.add_argument("--public", action="store_true", help="for everybody to see")
    push.add_argument(
        "--replace", action="store_true", help="replace what others have pushed there"
    )
    push.add_argument(
        "--pull-request", action="store_true", help="propose it to a repository that is there"
    )
    push.add_argument(
        "--weights",
        choices=[*Weights],
        default=Weights.ADAPTER,
        help="adapter, merged model or both",
    )


def _add_demo(subparsers: Subparsers) -> None:
    demo = _command(subparsers, "demo", commands.make_demo, help="make a demo Space of a model")
    _add_run(demo)


def _add_schema(subparsers: Subparsers) -> None:
    _command(subparsers, "schema", commands.print_schema, help="the JSON Schema of RUN.yaml")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="its id, or its name if no other run has it")


def _add_follow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", action="store_true", help="stay until the run has ended")
