"""What an engine is: a place where the supervisors of runs are at work.

This machine is the first of them; a rented machine or a cluster is one more file beside it. Nothing
else asks where a run trains: the page reads the run's folder, wherever it is filled from.
"""

from collections.abc import Sequence
from typing import Protocol

from core.jobs.plan import StageName
from core.jobs.submitter import Submitter
from core.runs.store import Run


class Engine(Protocol):
    def start(
        self, run: Run, *, stages: Sequence[StageName], submitter: Submitter, lock: int
    ) -> bool:
        """Have a supervisor take a run through its stages. Returns False while there is no room.

        `lock` is the run's, which the caller has taken: whoever holds it writes the run's record.
        Without stages the supervisor does what is left to do once a run has ended.
        """

    def is_alive(self, run: Run) -> bool:
        """Whether a supervisor is at work on the run."""

    def follow(self, run: Run) -> None:
        """Bring into the run's folder what is new where it is at work, and there what is asked.

        Readers read on in the folder's files from the offset that they have.
        """

    def cancel(self, run: Run) -> None:
        """End at once whatever of the run's processes has outlived its supervisor."""
