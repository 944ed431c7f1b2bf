"""Runs on this machine: each has a supervisor, in a session of its own."""

import os
from collections.abc import Sequence

from core.jobs.plan import StageName
from core.jobs.submitter import Submitter
from core.machine.atomic import lock_file
from core.machine.detached import spawn_detached
from core.machine.processes import end_family
from core.runs.store import Run, RunStore

# What an orphaned trainer gets to end by itself.
ORPHAN_GRACE_SECONDS = 5


class LocalEngine:
    """The supervisor inherits two locks, and the kernel lets go of them when it dies.

    The run's says that it is alive. The slot's says that the device is in use: only one supervisor
    that trains has it.
    """

    def start(
        self, run: Run, *, stages: Sequence[StageName], submitter: Submitter, lock: int
    ) -> bool:
        slot = None
        if StageName.TRAIN in stages:
            slot = lock_file(RunStore(run.home).slot)
            if slot is None:
                return False
        try:
            locks = [lock] if slot is None else [lock, slot]
            option = [] if slot is None else ["--slot", str(slot)]
            spawn_detached(
                ["core.jobs.supervisor", *option, str(run.paths.root), *stages],
                log=run.paths.supervisor_log,
                environment=submitter.environment(),
                pass_fds=locks,
                has_standby=StageName.TRAIN in stages,
            )
        finally:
            if slot is not None:
                os.close(slot)
        return True

    def is_alive(self, run: Run) -> bool:
        return run.is_supervised()

    def follow(self, run: Run) -> None:
        """Its processes write to the folder itself."""

    def cancel(self, run: Run) -> None:
        trainer = run.status().trainer
        process = trainer.process() if trainer else None
        if process is not None:
            end_family(process, grace=ORPHAN_GRACE_SECONDS)
