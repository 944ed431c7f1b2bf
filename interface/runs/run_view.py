"""The view of one run: which words, and which buttons, its state calls for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.jobs.fixes import Fix
from core.jobs.patience import stop_note
from core.machine.disk import is_full
from core.runs.causes import FailureCause
from core.runs.events import Cause, Progress
from core.runs.history import History
from core.runs.state import RunState, RunStatus, UnreadableRun, Wish
from interface.display import machine, words
from interface.display.render import render
from interface.display.setting_labels import setting_label, setting_value
from interface.runs.outcome import outcome_of
from interface.runs.snapshots import Snapshot

_CAUSES = {
    FailureCause.CRASHED: "The training ended with an error",
    FailureCause.DEVICE_OUT_OF_MEMORY: "The GPU ran out of memory",
    FailureCause.DISK_FULL: "The disk is full",
    FailureCause.GATED: "The Hub requires permission",
    FailureCause.INPUT: "The settings or the data can't be used",
    FailureCause.INTERRUPTED: "The run was interrupted",
    FailureCause.KILLED: "The training was killed",
    FailureCause.NO_NETWORK: "The Hub can't be reached",
    FailureCause.OUT_OF_MEMORY: "The machine ran out of memory",
    FailureCause.STUCK: "The training hung",
    FailureCause.NOT_FINITE: "The loss is not a number",
    FailureCause.DIVERGING: "The loss rose",
    FailureCause.REWARDS_ALIKE: "The rewards tell no answers apart",
    FailureCause.SIGNED_OUT: "Its sign-in was lost while it waited",
}
WORRYING_MINUTES = 5
PREPARING = "Loading the tokenizer, turning the rows into tokens, and loading the model…"
FIRST_STEP = "Making the first step, which takes longer than the others…"
# Of the runs ahead of one that waits.
MAX_NAMED = 3
_STOPPABLE = (RunState.QUEUED, RunState.PREPARING, RunState.TRAINING)


@dataclass(frozen=True)
class Buttons:
    """Which buttons are there; `resume` is its words, "" where it is not."""

    stop: bool
    cancel: bool
    resume: str


def head(snapshot: Snapshot) -> str:
    status, history = snapshot.status, snapshot.history
    progress = history.progress
    step = progress.step if progress else status.step
    total = progress.total if progress else status.total
    return render(
        "runs/head.html",
        status=status,
        note=_note(snapshot),
        share=_share(step, total, history),
        is_waiting=status.state is RunState.QUEUED,
        has_begun=status.state not in (RunState.QUEUED, RunState.CANCELED) or progress is not None,
        is_busy=status.state.live and status.state is not RunState.QUEUED and not total,
        progress=progress,
        time_left=_time_left(status, progress),
        latest=history.latest,
        outcome=outcome_of(snapshot),
        warnings=history.warnings,
    )


def _time_left(status: RunStatus, progress: Progress | None) -> float | None:
    """Of the training; the evaluation after the last step takes as long as it takes."""
    if progress is None or status.state is not RunState.TRAINING or _is_through(progress):
        return None
    return progress.eta


def _share(step: int, total: int, history: History) -> float:
    """How much of the training is done; one that ended early by itself is done."""
    if history.best is not None and history.best.stopped_early:
        return 1.0
    return min(1.0, step / total) if total else 0.0


def device(snapshot: Snapshot) -> str:
    """How busy the machine is, while the run is live."""
    if not snapshot.status.state.live:
        return ""
    return render("runs/device.html", devices=machine.now())


def failure(snapshot: Snapshot) -> str:
    """What happened, why, and what to do; nothing where nothing went wrong."""
    cause, history = _cause(snapshot), snapshot.history
    if cause is None:
        return _advice(snapshot)
    is_of_the_push = history.failure is None
    pushed = history.pushed if is_of_the_push else None
    title = _title(cause, pushing=is_of_the_push, has_pushed=pushed is not None)
    fixes = [] if is_of_the_push else snapshot.fixes
    return render("runs/failure.html", title=title, cause=cause, pushed=pushed, fixes=_shown(fixes))


def _advice(snapshot: Snapshot) -> str:
    """What to try about what a run was warned of; the warning itself is in its head."""
    if snapshot.history.failure is not None or not snapshot.fixes:
        return ""
    title = _CAUSES.get(snapshot.history.troubles[0], "The run had trouble")
    is_live = snapshot.status.state.live
    return render(
        "runs/advice.html", title=title, fixes=_shown(snapshot.fixes), is_live=is_live
    )  # fmt: skip


def _shown(fixes: Sequence[Fix]) -> list[dict[str, Any]]:
    """Each fix with its changes: the setting's label, and its values before and after."""
    return [
        {
            "key": fix.key,
            "text": fix.text,
            "changes": [
                (
                    setting_label(change.path),
                    setting_value(change.path, change.old),
                    setting_value(change.path, change.new),
                )
                for change in fix.changes
            ],
        }
        for fix in fixes
    ]


def buttons(snapshot: Snapshot) -> Buttons:
    state = snapshot.status.state
    resume = ""
    if state.resumable:
        step = snapshot.resumes_at
        resume = "Start again" if step is None else f"Resume from step {words.count(step)}"
    return Buttons(
        # A run that waits to begin has nothing to save.
        stop=state in _STOPPABLE and snapshot.wish is None and not _waits_to_begin(snapshot),
        cancel=state in _STOPPABLE and snapshot.wish is not Wish.CANCEL,
        resume=resume,
    )


def cancel_words(snapshot: Snapshot) -> str:
    """What canceling means for this run."""
    is_new = _waits_to_begin(snapshot)
    return render("runs/cancel.html", has_model=snapshot.has_model, is_new=is_new)


def _waits_to_begin(snapshot: Snapshot) -> bool:
    return snapshot.status.state is RunState.QUEUED and snapshot.history.progress is None


def run_list(statuses: Sequence[RunStatus | UnreadableRun], *, selected: str) -> str:
    """The list of runs, where the one with the id `selected` stands out."""
    return render("runs/list.html", runs=statuses, selected=selected)


def _cause(snapshot: Snapshot) -> Cause | None:
    if snapshot.status.state.live:
        return None
    return snapshot.history.failure or snapshot.history.push_failure


def _note(snapshot: Snapshot) -> str:
    note = snapshot.status.note or snapshot.history.note
    if snapshot.wish is not None:
        is_stop = snapshot.wish is Wish.STOP
        note = stop_note(snapshot.history) if is_stop else "Canceling…"
    elif snapshot.status.state.live and is_full(snapshot.run.home):
        note = "The disk is full: make room now, or the run fails when it saves."
    elif snapshot.status.state is RunState.QUEUED:
        note = _waiting(snapshot.before)
    elif snapshot.status.state is RunState.PREPARING:
        note = note or PREPARING
    elif snapshot.status.state is RunState.TRAINING and _is_through(snapshot.history.progress):
        note = "All steps are done: looking at the evaluation loss, then saving."
    elif _cause(snapshot) is not None:
        # The card says it better.
        note = ""
    elif (silent := _silent_minutes(snapshot)) >= WORRYING_MINUTES:
        note = f"No step for {silent} minutes: a long step or evaluation, or it hangs. See the log."
    elif snapshot.status.state is RunState.TRAINING and _is_in_first_step(snapshot.history):
        note = FIRST_STEP
    return note


def _waiting(before: Sequence[RunStatus]) -> str:
    """What a run waits for, and how many come before it."""
    if not before:
        return "It starts in a moment."
    first, *others = before
    doing = words.state(first.state).lower()
    named = f"Waiting for “{first.name}” ({doing})"
    if not others:
        return f"{named}. This run is next."
    listed = ", ".join(f"“{other.name}”" for other in others[:MAX_NAMED])
    more = "…" if len(others) > MAX_NAMED else ""
    return f"{named}, then {words.counted(len(others), 'run')} ahead of it: {listed}{more}."


def _is_in_first_step(history: History) -> bool:
    """The first since the run was last started; as long as it takes, it is no hang."""
    begun = max(history.resumed_at, default=0)
    return history.progress is not None and history.progress.step in (0, begun)


def _is_through(progress: Progress | None) -> bool:
    return progress is not None and 0 < progress.total <= progress.step


def _silent_minutes(snapshot: Snapshot) -> int:
    progress = snapshot.history.progress
    if snapshot.status.state is not RunState.TRAINING or progress is None:
        return 0
    return int((datetime.now(UTC) - progress.time).total_seconds() // 60)


def _title(cause: Cause, *, pushing: bool, has_pushed: bool) -> str:
    if has_pushed:
        return "The last push failed, and what was pushed before is on the Hub"
    if pushing:
        return "The model is trained and safe here, but it was not pushed"
    return _CAUSES.get(cause.cause, "The run failed")
