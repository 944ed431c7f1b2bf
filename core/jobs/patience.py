"""How long a stop waits for the next step of a training, and what is said meanwhile."""

from datetime import UTC, datetime

from core.runs.history import History
from core.runs.state import RunState

STOPPING = "Stopping: it will save after the current step."
SAVING = "Stopping: saving."
# A large checkpoint may be on its way to a slow disk.
SHORTEST_SECONDS = 10 * 60
LONGEST_SECONDS = 30 * 60
# A step that takes so many times as long as those before it hangs; slow ones get a few at least.
STEPS, FEW_STEPS = 20, 3
# As long as this nobody wonders.
CALM_SECONDS, CALM_STEPS = 30.0, 3


def patience(history: History) -> float:
    """The seconds without a step after which a training that was asked to stop is ended."""
    step = _step_seconds(history)
    if step is None:
        return LONGEST_SECONDS
    return max(FEW_STEPS * step, min(LONGEST_SECONDS, max(SHORTEST_SECONDS, STEPS * step)))


def stop_note(history: History) -> str:
    """How a stop that was asked for goes on."""
    progress, step = history.progress, _step_seconds(history)
    if history.state is RunState.SAVING:
        return SAVING
    if progress is None or history.state is not RunState.TRAINING:
        return STOPPING
    silence = (datetime.now(UTC) - progress.time).total_seconds()
    if silence < max(CALM_SECONDS, CALM_STEPS * (step or 0)):
        return STOPPING
    return (
        f"The trainer has not taken a step since {progress.time:%H:%M} UTC: it saves, or it hangs. "
        f"After {patience(history) / 60:.0f} minutes without one it is ended; "
        "Cancel ends it at once."
    )


def _step_seconds(history: History) -> float | None:
    """What a step takes; None where that is not known yet."""
    progress = history.progress
    if history.state is not RunState.TRAINING or progress is None or progress.eta is None:
        return None
    left = progress.total - progress.step
    return progress.eta / left if left > 0 else None
