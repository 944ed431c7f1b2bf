"""What the commands about runs do: starting and following one. Returns their exit code."""

import argparse
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from core.checkpoint_sync.restorable import restorable_run, restorable_runs
from core.checkpoint_sync.restore import restore
from core.cli.output import (
    STATUS_HEADER,
    fix_lines,
    fixes_for_machines,
    progress_line,
    show,
    status_line,
    tell,
    tell_person,
)
from core.config.proposed_name import for_another_run
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.client import hub_endpoint
from core.jobs import launcher, preflight
from core.jobs.fixes import fixes_of
from core.jobs.liveness import current_status
from core.jobs.patience import stop_note
from core.publish import free_name
from core.runs.history import History
from core.runs.state import RunState, RunStatus, UnreadableRun, Wish
from core.runs.store import Run, RunStore
from core.settings import Settings

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
FOLLOW_SECONDS = 0.5
GOOD_ENDS = (RunState.DONE, RunState.STOPPED)


def start(
    asked: argparse.Namespace, settings: Settings, config: RunConfig, *, files: Mapping[str, Path]
) -> int:
    store = RunStore(settings.home)
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
    return follow(asked, run)


def retry(asked: argparse.Namespace, settings: Settings) -> int:
    """Start a new run with the settings of another, and with one of its fixes."""
    run = RunStore(settings.home).find(asked.run)
    config = for_another_run(run.config())
    if asked.fix is not None:
        fixes = fixes_of(run, _history(run))
        if not 0 < asked.fix <= len(fixes):
            told = f"Choose one of 1 to {len(fixes)}." if fixes else "Leave out --fix."
            raise UserError(f"This run has no fix {asked.fix}.", hint=told)
        config = fixes[asked.fix - 1].config
    return start(asked, settings, config, files=run.files())


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
    if statuses:
        tell(STATUS_HEADER)
    for status in statuses:
        tell(status_line(status))
    if not statuses:
        tell_person("No runs yet. Start one with: python -m core train RUN.yaml")
    return OK


def show_run(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).find(asked.run)
    status = current_status(run)
    if asked.follow and status.state.live:
        return follow(asked, run)
    history = _history(run)
    cause, fixes = history.failure or history.push_failure, fixes_of(run, history)
    if asked.json:
        facts = status.model_dump(mode="json")
        failure = cause.model_dump(mode="json") if cause else None
        tell(json.dumps(facts | {"failure": failure, "fixes": fixes_for_machines(fixes)}))
    else:
        show(asked, status)
    if run.paths.model.is_dir():
        tell_person(f"The model is in {run.paths.model}")
    _tell_links(history)
    if cause is not None:
        tell_person(" ".join([cause.explanation, *cause.remedies]))
    _tell_fixes(run, history)
    return OK


def list_restorable(asked: argparse.Namespace, settings: Settings) -> int:
    found = restorable_runs(token_of(settings))
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
    token = token_of(settings)
    synced = restorable_run(asked.run, token)
    show(asked, restore(RunStore(settings.home), synced, token=token).status())
    return OK


def stop(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).find(asked.run)
    if asked.now:
        launcher.cancel(run)
    else:
        launcher.stop(run)
    return follow(asked, run)


def resume(asked: argparse.Namespace, settings: Settings) -> int:
    run = RunStore(settings.home).find(asked.run)
    launcher.resume(run, token=settings.token)
    if asked.follow:
        return follow(asked, run)
    show(asked, run.status())
    return OK


def follow(asked: argparse.Namespace, run: Run) -> int:
    """Tell how a run goes until it has ended."""
    history = _history(run)
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
    _tell_fixes(run, history)
    asked_for = asked.handler is stop and status.state is RunState.CANCELED
    return OK if asked_for or is_well else FAILED


def _tell_fixes(run: Run, history: History) -> None:
    """What other settings can do, each with its number."""
    if fixes := fixes_of(run, history):
        tell_person("\n".join(fix_lines(fixes)))
        tell_person(f"Start again with one of these: python -m core runs retry {run.id} --fix 1")


def _history(run: Run) -> History:
    history = History.of(run.paths)
    history.follow()
    return history


def _tell_links(history: History) -> None:
    for there in (history.pushed, history.tracked):
        if there is not None:
            tell_person(there.url)


def token_of(settings: Settings) -> SecretStr:
    if settings.token is None:
        raise UserError("This needs a Hugging Face token.", hint="Set HF_TOKEN.")
    return settings.token
