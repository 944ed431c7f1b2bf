"""When a child has to end: at its own limit, or as what a person asks of its run says."""

import time

from core.jobs.patience import LONGEST_SECONDS, patience
from core.jobs.record import RunRecord
from core.runs.state import RunState, Wish


class Deadline:
    """`is_asked` is whether what a person asks of the run is the child's to do."""

    def __init__(self, record: RunRecord, *, limit: float | None, is_asked: bool) -> None:
        self._record = record
        self._end = time.monotonic() + limit if limit else None
        self._is_asked = is_asked
        # What it told last since it was asked to stop, when that was, and whether it told anything.
        self._sign: object = None
        self._since = 0.0
        self._goes_on = False
        self.is_called_off = False
        # It was asked to stop, and took no step for too long.
        self.is_stuck = False

    def has_come(self) -> bool:
        wish = self._record.run.wish() if self._is_asked else None
        if wish is Wish.STOP:
            self._record.history.follow()
            # It loads, or makes tokens: there is nothing new to save.
            is_preparing = self._record.history.state is RunState.PREPARING
            self.is_called_off = self.is_called_off or is_preparing
            self.is_stuck = self.is_stuck or self._is_silent()
        is_late = self._end is not None and time.monotonic() > self._end
        # What is canceled saves nothing, so there is nothing to wait for.
        return wish is Wish.CANCEL or self.is_called_off or self.is_stuck or is_late

    def _is_silent(self) -> bool:
        """Whether it has told nothing for longer than its own pace makes likely."""
        history, now = self._record.history, time.monotonic()
        sign = history.offset
        if sign != self._sign:
            self._goes_on = self._sign is not None
            self._sign, self._since = sign, now
        # It may be saving by now, and a large model takes a while to write.
        allowed = LONGEST_SECONDS if self._goes_on else patience(history)
        return now - self._since > allowed
