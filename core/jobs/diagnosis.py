"""Why a trainer ended: from its exit code, its signal and its last words to a cause in words."""

import re

from core.errors import UserError
from core.machine.disk import is_for_lack_of_room, is_full
from core.machine.processes import signal_name
from core.runs.causes import FailureCause
from core.runs.events import Cause
from core.runs.store import Run

_ERROR = re.compile(r"[A-Za-z_][\w.]*(: |$)")
# Beside what other settings can do: fixes.py.
SMALLER = ["Choose a smaller model, or a machine with more memory."]
DISK_FULL = Cause(
    cause=FailureCause.DISK_FULL,
    explanation="The disk is full.",
    remedies=[
        "Delete old runs or caches, then resume from the newest whole checkpoint.",
    ],
)
# The first that is found in the end of the log names the cause.
_LAST_WORDS: tuple[tuple[re.Pattern[str], Cause], ...] = (
    (
        re.compile(r"CUDA out of memory|torch\.(cuda\.)?OutOfMemoryError|HIP out of memory"),
        Cause(
            cause=FailureCause.DEVICE_OUT_OF_MEMORY,
            explanation="The GPU's memory was not enough for a step.",
            remedies=SMALLER,
        ),
    ),
    (
        # The last two are torch's, which does not tell why it could not write.
        re.compile(
            r"No space left on device|Errno 28|Disk quota exceeded"
            r"|PytorchStreamWriter failed writing|inline_container\.cc:\d+\] \. unexpected pos"
        ),
        DISK_FULL,
    ),
    (
        re.compile(r"GatedRepoError|Access to model \S+ is restricted"),
        Cause(
            cause=FailureCause.GATED,
            explanation="The Hub does not give you this model or dataset yet.",
            remedies=["Accept its terms on its page on the Hub, then start again."],
        ),
    ),
    (
        re.compile(r"ConnectError|ConnectTimeout|LocalEntryNotFoundError|OfflineModeIsEnabled"),
        Cause(
            cause=FailureCause.NO_NETWORK,
            explanation="The Hub could not be reached while the run was being prepared.",
            remedies=["Check the network, then resume."],
        ),
    ),
    (
        re.compile(r"Unable to allocate|DefaultCPUAllocator: can't allocate memory|MemoryError"),
        Cause(
            cause=FailureCause.OUT_OF_MEMORY,
            explanation="This machine's memory was not enough.",
            remedies=SMALLER,
        ),
    ),
)


def explain_end(code: int, *, was_out_of_memory: bool, log: str, run: Run) -> Cause:
    """The cause of an end that the trainer of a run did not explain itself.

    `code` is the exit code, negative for a signal; `was_out_of_memory` is whether the kernel ended
    a process for lack of memory meanwhile.
    """
    if was_out_of_memory:
        return Cause(
            cause=FailureCause.OUT_OF_MEMORY,
            explanation="The system ended the training because its memory ran out.",
            remedies=SMALLER,
        )
    for words, cause in _LAST_WORDS:
        if words.search(log):
            return cause
    if is_full(run.home):
        return DISK_FULL
    if code < 0:
        return Cause(
            cause=FailureCause.KILLED,
            explanation=f"The training was killed ({signal_name(-code)}).",
            remedies=["Resume: training goes on from the newest whole checkpoint."],
        )
    return Cause(
        cause=FailureCause.CRASHED,
        explanation=f"The training ended with an error: {_error_line(log)}",
        remedies=["See the log for details.", "Resume when the cause is gone."],
    )


def explain_refusal(error: UserError | OSError, *, run: Run) -> Cause:
    """The cause where it was not the trainer, but the supervisor that could not go on."""
    if isinstance(error, UserError):
        hint = error.hint or "Open it with the SmolFactory that wrote it, or start a new run."
        return Cause(cause=FailureCause.INPUT, explanation=error.message, remedies=[hint])
    if is_for_lack_of_room(error) or is_full(run.home):
        return DISK_FULL
    return Cause(
        cause=FailureCause.CRASHED,
        explanation=f"A file could not be read or written: {error}",
        remedies=["Resume when the cause is gone."],
    )


def _error_line(log: str) -> str:
    """The error that ended the newest traceback; the last line where there is none.

    What is said last is often a progress bar that was closed.
    """
    _, traceback, after = log.rpartition("Traceback (most recent call last):")
    errors = (line for line in after.splitlines() if traceback and _ERROR.match(line))
    if (error := next(errors, None)) is not None:
        return error[:300]
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "there was no output."
