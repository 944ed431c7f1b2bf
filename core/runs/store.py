"""Runs: each is a folder, whose files core/runs/paths.py names."""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import yaml
from filelock import FileLock
from pydantic import ValidationError

from core.config.migrations import migrate_section
from core.config.options import DatasetSource
from core.config.output import OutputSection
from core.config.parse import load_stored_config
from core.config.proposed_name import named
from core.config.run_config import RunConfig, data_name
from core.config.setting import RUN_ID
from core.errors import UserError
from core.machine.atomic import lock_file, write_atomically
from core.runs.paths import RunPaths
from core.runs.state import Request, RunState, RunStatus, Wish

# Of runs that have the same name.
MAX_NAMED = 5
SUBMISSION = re.compile(r"^[0-9a-f]{8,64}$")


@dataclass(frozen=True)
class Run:
    """One run: its id and its folder."""

    id: str
    paths: RunPaths

    @property
    def home(self) -> Path:
        return self.paths.root.parent.parent

    def config(self) -> RunConfig:
        """Raises UserError when another SmolFactory wrote what this one can't read."""
        try:
            text = self.paths.config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable("The settings", self.paths.config) from error
        return load_stored_config(text)

    def files(self) -> dict[str, Path]:
        """This run's own copies of the person's files, by their names."""
        folder = self.paths.data
        return {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}

    def resolved(self) -> dict[str, object]:
        """What `auto` became, versions and revisions; empty before the trainer knows.

        Raises UserError when it can't be read.
        """
        if not self.paths.resolved.exists():
            return {}
        try:
            stored = yaml.safe_load(self.paths.resolved.read_text(encoding="utf-8"))
            return migrate_section("hardware", _mapping(stored))
        except (yaml.YAMLError, ValueError) as error:
            raise self._unreadable("What was resolved", self.paths.resolved) from error

    def status(self) -> RunStatus:
        """Raises UserError when it is damaged, or of another SmolFactory than can be read."""
        try:
            return RunStatus.model_validate_json(self.paths.status.read_bytes())
        except ValidationError as error:
            raise self._unreadable("The status", self.paths.status) from error

    def write_status(self, status: RunStatus) -> None:
        write_atomically(self.paths.status, status.model_dump_json(indent=2))

    def output(self) -> OutputSection:
        """What becomes of the result: as asked at the start, or as chosen since.

        Raises UserError when another SmolFactory chose what this one can't read.
        """
        if self.paths.push.exists():
            try:
                stored = _mapping(json.loads(self.paths.push.read_bytes()))
                return OutputSection.model_validate(migrate_section("output", stored))
            except ValueError as error:
                raise self._unreadable("The push target", self.paths.push) from error
        return self.config().output

    def choose_output(self, output: OutputSection) -> None:
        write_atomically(self.paths.push, output.model_dump_json())

    def ask(self, wish: Wish) -> None:
        write_atomically(self.paths.request, Request(wish=wish).model_dump_json())

    def wish(self) -> Wish | None:
        """What was last asked of this run since it was last started.

        What another version's page asks, and this one doesn't know, is as good as nothing.
        """
        try:
            return Request.model_validate_json(self.paths.request.read_bytes()).wish
        except (FileNotFoundError, ValidationError):
            return None

    def _unreadable(self, what: str, path: Path) -> UserError:
        return UserError(
            f"{what} of run {self.id} can't be read.",
            hint=f"Another version of SmolFactory wrote {path.name}, or it is damaged: open it with"
            f" that version. Checkpoints and model are in {self.paths.root}.",
        )

    def is_supervised(self) -> bool:
        """Whether its supervisor lives."""
        descriptor = self.lock()
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def lock(self) -> int | None:
        """Take the supervisor's place. Returns the locked descriptor, or None if it is taken."""
        return lock_file(self.paths.lock)


class RunStore:
    """The runs under a home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder = home / "runs"
        self._submissions = home / "submissions"
        self._names: dict[str, str] = {}

    @property
    def slot(self) -> Path:
        """Locked by the one supervisor whose trainer may use this machine's device."""
        return self.home / "slot.lock"

    def named(self, config: RunConfig, *, taken: Collection[str] = ()) -> RunConfig:
        """The same with a name: where it has none, one that no run here has, and is not `taken`."""
        if config.output.name is not None:
            return config
        return named(config, taken=self._all_names().union(taken))

    def create(
        self, config: RunConfig, *, files: Mapping[str, Path], submission: str
    ) -> tuple[Run, bool]:
        """Make a run's folder, with copies of the person's files, by their names, in it.

        A submission makes one run, however often it is sent: the second time, its run comes back
        and the flag is False.
        """
        if not SUBMISSION.match(submission):
            raise UserError("This form is not one of ours.", hint="Reload the page.")
        run, config = self._new_run(), self.named(config)
        # Made under another name first: a folder in the list is a whole one.
        aside = self._folder / f".{run.id}"
        aside.mkdir(parents=True)
        paths = RunPaths(aside)
        is_uploaded = config.dataset.source is DatasetSource.UPLOAD
        names = (*config.dataset.files, *config.evaluation.files)
        for name in names if is_uploaded else ():
            paths.data.mkdir(exist_ok=True)
            shutil.copyfile(files[name], paths.data / name)
        write_atomically(paths.config, config.to_yaml())
        Run(id=run.id, paths=paths).write_status(first_status(run_id=run.id, config=config))
        self._submissions.mkdir(parents=True, exist_ok=True)
        claim = self._submissions / submission
        # Two presses of Start come in two threads, or from two servers.
        with FileLock(self._submissions / ".lock"):
            if claim.exists():
                shutil.rmtree(aside)
                return self.open(claim.read_text(encoding="utf-8")), False
            aside.rename(run.paths.root)
            write_atomically(claim, run.id)
        return run, True

    def adopt(self, run_id: str, folder: Path, *, status: RunStatus) -> Run:
        """Take a run's folder that was made elsewhere, in one step.

        Raises UserError when the run is here already.
        """
        run = Run(id=run_id, paths=RunPaths(self._folder / run_id))
        Run(id=run_id, paths=RunPaths(folder)).write_status(status)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(run.paths.root)
        except OSError as error:
            if not run.paths.root.exists():
                raise
            raise UserError("This run is here already.", hint="Choose it in the list.") from error
        return run

    def has(self, run_id: str) -> bool:
        return bool(RUN_ID.match(run_id)) and (self._folder / run_id).exists()

    def open(self, run_id: str) -> Run:
        """Raises UserError when there is no such run."""
        run = Run(id=run_id, paths=RunPaths(self._folder / run_id))
        if not RUN_ID.match(run_id) or not run.paths.status.is_file():
            raise UserError(f"There is no run {run_id[:64]!r}.", hint="Choose one from the list.")
        return run

    def find(self, asked: str) -> Run:
        """The run with this id, or the only one of this name.

        Raises UserError when there is none, or several have the name.
        """
        if RUN_ID.match(asked):
            return self.open(asked)
        ids = [run.id for run, status in self.readable() if status.name == asked]
        if len(ids) > 1:
            listed = ", ".join(ids[:MAX_NAMED]) + ("…" if len(ids) > MAX_NAMED else "")
            raise UserError(
                f"{len(ids)} runs are called {asked!r}.", hint=f"Choose one by its id: {listed}."
            )
        return self.open(ids[0] if ids else asked)

    def list(self, *, newest: int | None = None) -> list[Run]:
        """The runs, the newest first: all of them, or so many."""
        if not self._folder.is_dir():
            return []
        # An id begins with its run's time. Folders are opened only as far as they are asked for.
        names = (path.name for path in self._folder.iterdir())
        ids = sorted(filter(RUN_ID.match, names), reverse=True)
        runs = (Run(id=run_id, paths=RunPaths(self._folder / run_id)) for run_id in ids)
        return [*islice((run for run in runs if run.paths.status.is_file()), newest)]

    def readable(self) -> Iterator[tuple[Run, RunStatus]]:
        """The runs whose statuses can be read, with them, the newest first."""
        for run in self.list():
            try:
                yield run, run.status()
            except UserError:
                continue

    def _all_names(self) -> set[str]:
        """What the runs here are called. A run keeps its name, so it is read once."""
        for run in self.list():
            if run.id not in self._names:
                with contextlib.suppress(UserError):
                    self._names[run.id] = run.status().name
        return {*self._names.values()}

    def _new_run(self) -> Run:
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        return Run(id=run_id, paths=RunPaths(self._folder / run_id))


def _mapping(stored: object) -> Mapping[str, object]:
    """Raises ValueError when it is none."""
    if not isinstance(stored, dict):
        raise ValueError("This holds no settings.")
    return stored


def first_status(*, run_id: str, config: RunConfig) -> RunStatus:
    """The status of a run that waits to begin."""
    now = datetime.now(UTC)
    return RunStatus(
        id=run_id,
        name=config.output.repo_name,
        base_model=config.model.name,
        dataset=data_name(config),
        state=RunState.QUEUED,
        created=now,
        updated=now,
    )  # fmt: skip
