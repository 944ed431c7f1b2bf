"""Runs as the page needs them, read again only where their files have changed."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from core.checkpoint_sync.status import SyncStatus, sync_status
from core.config.methods.settings import MethodSettings
from core.config.output import OutputSection
from core.errors import UserError
from core.jobs.fixes import Fix, fixes_of
from core.jobs.liveness import current_status
from core.jobs.queue import Queue
from core.publish import demo_space
from core.publish.demo_space import Demo
from core.runs.checkpoints import newest_checkpoint
from core.runs.history import History
from core.runs.logs import tail
from core.runs.state import RunState, RunStatus, UnreadableRun, Wish
from core.runs.store import Run, RunStore
from interface.runs import charts

MAX_RUNS_IN_MEMORY = 12
MAX_LISTED = 100
LOG_BYTES = 16 * 1024
# A dead supervisor is found by trying its lock; once in a while is enough.
LOOK_EVERY_SECONDS = 3.0

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """One run at one moment."""

    run: Run
    status: RunStatus
    history: History
    settings: str
    output: OutputSection | None
    curves: str
    log: str
    has_model: bool
    # What other settings can do about its failure, or about what it was warned of.
    fixes: list[Fix]
    # The step of the newest checkpoint, where it can be resumed.
    resumes_at: int | None
    # Whether the person can go to the folder: not on a Space.
    is_in_reach: bool
    is_adapter: bool
    # Whether its model gives scores and no answers.
    scores: bool
    sync: SyncStatus | None
    demo: Demo | None
    # What somebody asked of it and is still to happen.
    wish: Wish | None
    # While it waits: the run that uses the device, and those ahead of it in the queue.
    before: tuple[RunStatus, ...] = ()


@dataclass
class _Cached:
    """What has been read of a run. Ticks come in threads, so one reads at a time."""

    history: History | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    looked: float = float("-inf")
    parts: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    last: Snapshot | None = None

    def part(self, name: str, version: Any, make: Callable[[], T]) -> T:
        """What `make` returns, made again only when its version is another."""
        known = self.parts.get(name)
        if known is None or known[0] != version:
            known = self.parts[name] = (version, make())
        made: T = known[1]
        return made


class Snapshots:
    """Reads runs for every open page, and forgets those not asked for in a while."""

    def __init__(self, store: RunStore, *, in_reach: bool) -> None:
        self.store = store
        self._in_reach = in_reach
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._statuses: dict[str, tuple[int, RunStatus]] = {}
        self._looked: dict[str, float] = {}
        self._lock = threading.Lock()

    def statuses(self) -> list[RunStatus | UnreadableRun]:
        """The newest runs, newest first."""
        return [self._status(run) for run in self.store.list(newest=MAX_LISTED)]

    def take(self, run_id: str) -> Snapshot | None:
        """The run now, or as it was a moment ago while another thread is still reading it.

        None when it is being read for the first time. Raises UserError when there is no such run.
        """
        run = self.store.open(run_id)
        cached = self._cached(run)
        if not cached.lock.acquire(blocking=False):
            return cached.last
        try:
            snapshot = _read(run, cached, in_reach=self._in_reach)
            cached.last = replace(snapshot, before=self._before(snapshot))
            return cached.last
        finally:
            cached.lock.release()

    def _before(self, snapshot: Snapshot) -> tuple[RunStatus, ...]:
        """By the statuses that were last listed."""
        if snapshot.status.state is not RunState.QUEUED:
            return ()
        known = {run_id: status for run_id, (_, status) in self._statuses.copy().items()}
        waiting = [run.id for run in Queue(self.store.home).runs()]
        place = waiting.index(snapshot.run.id) if snapshot.run.id in waiting else 0
        at_work = [s for s in known.values() if s.state.live and s.state is not RunState.QUEUED]
        # A run that is only being pushed uses no device.
        at_work.sort(key=lambda status: status.state is RunState.PUSHING)
        ahead = [known[run_id] for run_id in waiting[:place] if run_id in known]
        return (*at_work[:1], *ahead)

    def _cached(self, run: Run) -> _Cached:
        with self._lock:
            cached = self._cache.setdefault(run.id, _Cached())
            self._cache.move_to_end(run.id)
            while len(self._cache) > MAX_RUNS_IN_MEMORY:
                self._cache.popitem(last=False)
            return cached

    def _status(self, run: Run) -> RunStatus | UnreadableRun:
        changed = _changed(run.paths.status)
        known = self._statuses.get(run.id)
        try:
            if known is None or known[0] != changed:
                known = (changed, run.status())
            if known[1].state.live and self._is_due(run):
                # It may be dead: nobody else may ever open its page.
                known = (changed, current_status(run))
        except UserError as error:
            return UnreadableRun(id=run.id, note=str(error))
        self._statuses[run.id] = known
        return known[1]

    def _is_due(self, run: Run) -> bool:
        now = time.monotonic()
        if now - self._looked.get(run.id, -math.inf) < LOOK_EVERY_SECONDS:
            return False
        self._looked[run.id] = now
        return True


def _read(run: Run, cached: _Cached, *, in_reach: bool) -> Snapshot:
    if time.monotonic() - cached.looked > LOOK_EVERY_SECONDS:
        current_status(run)
        cached.looked = time.monotonic()
    paths = run.paths
    history = cached.history = cached.history or History.of(paths)
    history.follow()
    drawn = history.offset
    method = cached.part("method", 0, lambda: _method(run))
    metrics = method.measures if method else ()
    status = run.status()
    return Snapshot(
        run=run,
        status=status,
        history=history,
        settings=cached.part("settings", 0, lambda: _settings(run)),
        output=cached.part("output", _changed(paths.push), lambda: _output(run)),
        curves=cached.part("curves", drawn, lambda: charts.draw(history, metrics)),
        log=cached.part("log", _changed(paths.log), lambda: tail(paths.log, size=LOG_BYTES)),
        has_model=paths.model.is_dir(),
        fixes=cached.part("fixes", _trouble(history), lambda: fixes_of(run, history)),
        resumes_at=_newest_step(run) if status.state.resumable else None,
        is_in_reach=in_reach,
        is_adapter=(paths.model / "adapter_config.json").exists(),
        scores=method is not None and method.scores,
        demo=demo_space.look(run),
        sync=cached.part("sync", _changed(paths.sync_status), lambda: sync_status(run)),
        wish=run.wish() if status.state.live else None,
    )


def _trouble(history: History) -> tuple[object, ...]:
    """What the fixes of a run follow from."""
    return (history.failure and history.failure.seq, *history.troubles)


def _newest_step(run: Run) -> int | None:
    newest = newest_checkpoint(run.paths.checkpoints)
    return newest.step if newest else None


def _settings(run: Run) -> str:
    # Settings of another version can still be looked at.
    path = run.paths.config
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _method(run: Run) -> MethodSettings | None:
    try:
        return run.config().method
    except UserError:
        return None


def _output(run: Run) -> OutputSection | None:
    try:
        return run.output()
    except UserError:
        return None


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
