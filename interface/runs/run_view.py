"""The view of one run: which words, and which buttons, its state calls for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from core.runs.causes import FailureCause
from core.runs.events import Cause, Progress
from core.runs.state import RunState, RunStatus, Wish
from interface.display import machine, words
from interface.runs import outcome
from interface.runs.snapshots import Snapshot

_CAUSES = {
    FailureCause.CRASHED: "The training ended with an error",
    FailureCause.DEVICE_OUT_OF_MEMORY: "The GPU ran out of memory",
    FailureCause.DISK_FULL: "The disk is full",
    FailureCause.GATED: "The Hub asks for permission first",
    FailureCause.INPUT: "The settings or the data can't be used",
    FailureCause.INTERRUPTED: "The run was interrupted",
    FailureCause.KILLED: "The training was ended from outside",
    FailureCause.NO_NETWORK: "The Hub can't be reached",
    FailureCause.OUT_OF_MEMORY: "The machine ran out of memory",
    FailureCause.SIGNED_OUT: "Its sign-in was lost while it waited",
}
_WISHES = {
    Wish.STOP: "Stopping: after the next whole step it saves what it learned.",
    Wish.CANCEL: "Canceling…",
}
WORRYING_MINUTES = 5
_STOPPABLE = (RunState.QUEUED, RunState.PREPARING, RunState.TRAINING)
_PUSHABLE = (RunState.DONE, RunState.STOPPED, RunState.TRAINED)


@dataclass(frozen=True)
class Buttons:
    """Which buttons are there; `push` and `resume` are their words, "" where they are not."""

    stop: bool
    cancel: bool
    resume: str
    push: str
    demo: bool


def head(snapshot: Snapshot) -> str:
    status, history = snapshot.status, snapshot.history
    return (
        f'<div class="run-head"><div class="run-title"><h2>{escape(status.name)}</h2>'
        f"{badge(status.state)}</div>"
        f'<p class="muted">{escape(words.model(status.base_model))} on'
        f" {escape(words.dataset(status.dataset))} · started {words.age(status.created)}"
        f" · <code>{escape(status.id)}</code></p>"
        f"{_note(snapshot)}{_bar(status, history.progress)}{_tiles(snapshot)}"
        f"{outcome.lines(snapshot)}{_warnings(history.warnings)}</div>"
    )


def badge(state: RunState) -> str:
    return f'<span class="badge {state.value}">{words.state(state)}</span>'


def device(snapshot: Snapshot) -> str:
    """How busy the machine is, while the run is live."""
    if not snapshot.status.state.live:
        return ""
    tiles = []
    for found in machine.now():
        used = f"{words.size(found.memory_used)} of {words.size(found.memory_total)}"
        share = found.memory_used / found.memory_total if found.memory_total else 0.0
        name = "GPU" if found.kind == "cuda" else "CPU"
        tiles.append(_meter(f"{name} memory", used, share))
        tiles.append(_meter(f"{name} load", f"{found.load:.0%}", found.load))
    return f'<div class="tiles device">{"".join(tiles)}</div>'


def failure(snapshot: Snapshot) -> str:
    """What happened, why, and what to do; nothing where nothing went wrong."""
    history = snapshot.history
    if snapshot.status.state.live:
        return ""
    cause = history.failure or history.push_failure
    if cause is None:
        return ""
    title = _title(cause, pushing=history.failure is None)
    return (
        f'<div class="failure" role="alert"><h3>{escape(title)}</h3>'
        f'<p class="why">{escape(cause.explanation)}</p>'
        f"{_what_to_do(cause)}</div>"
    )


def buttons(snapshot: Snapshot) -> Buttons:
    state = snapshot.status.state
    again = snapshot.history.push_failure is not None or state is RunState.TRAINED
    may_push = snapshot.has_model and state in _PUSHABLE and snapshot.history.pushed is None
    resume, demo = "", snapshot.demo
    if state.resumable:
        saved = snapshot.history.checkpoints
        resume = f"Resume from step {words.count(saved[-1])}" if saved else "Start again"
    return Buttons(
        stop=state in _STOPPABLE and snapshot.wish is None,
        cancel=state in _STOPPABLE and snapshot.wish is not Wish.CANCEL,
        resume=resume,
        demo=snapshot.has_model and state in _PUSHABLE and not (demo and demo.note),
        push=("Push again" if again else "Push") if may_push else "",
    )


def row(status: RunStatus, *, selected: bool) -> str:
    """A run in the list. It is a link, so that it opens in a second tab too."""
    done = status.step / status.total if status.total else 0.0
    loss = f"loss {words.number(status.loss)}" if status.loss is not None else ""
    current = ' aria-current="true"' if selected else ""
    facts = " · ".join(part for part in (loss, words.age(status.created)) if part)
    return (
        f'<a class="run-row" href="?run={status.id}" data-run="{status.id}"{current}>'
        f'<span class="name">{escape(status.name)}</span>{badge(status.state)}'
        f'<span class="muted">{escape(words.model(status.base_model))}</span>'
        f'<span class="muted facts">{facts}</span>'
        f'<span class="bar"><i style="width:{100 * min(1.0, done):.1f}%"></i></span></a>'
    )


def _note(snapshot: Snapshot) -> str:
    note = snapshot.status.note or snapshot.history.note
    if snapshot.wish is not None:
        note = _WISHES[snapshot.wish]
    elif snapshot.status.state is RunState.TRAINING and _is_through(snapshot.history.progress):
        note = "All steps are done: looking at the evaluation loss, then saving."
    elif failure(snapshot):
        # The card says it better.
        note = ""
    elif (silent := _silent_minutes(snapshot)) >= WORRYING_MINUTES:
        note = f"No step for {silent} minutes: a long step or evaluation, or it hangs. See the log."
    return f'<p class="note">{escape(note)}</p>' if note else ""


def _is_through(progress: Progress | None) -> bool:
    return progress is not None and 0 < progress.total <= progress.step


def _silent_minutes(snapshot: Snapshot) -> int:
    progress = snapshot.history.progress
    if snapshot.status.state is not RunState.TRAINING or progress is None:
        return 0
    return int((datetime.now(UTC) - progress.time).total_seconds() // 60)


def _bar(status: RunStatus, progress: Progress | None) -> str:
    step = progress.step if progress else status.step
    total = progress.total if progress else status.total
    share = min(1.0, step / total) if total else 0.0
    busy = " busy" if status.state.live and not total else ""
    return (
        f'<div class="progress {status.state.value}{busy}" role="progressbar" aria-valuemin="0"'
        f' aria-valuemax="100" aria-valuenow="{100 * share:.0f}">'
        f'<i style="width:{100 * share:.2f}%"></i></div>'
    )


def _tiles(snapshot: Snapshot) -> str:
    progress, latest = snapshot.history.progress, snapshot.history.latest
    tiles = []
    if progress is not None:
        total = f" of {words.count(progress.total)}" if progress.total else ""
        tiles += [
            _tile("Step", f"{words.count(progress.step)}{total}"),
            _tile("Epoch", f"{progress.epoch:.2f}"),
            _time(snapshot.status.state, progress),
        ]
        if progress.tokens_per_second:
            tiles.append(_tile("Tokens a second", words.count(round(progress.tokens_per_second))))
    for name, label in (("loss", "Loss"), ("eval_loss", "Evaluation loss")):
        if name in latest:
            tiles.append(_tile(label, words.number(latest[name])))
    return f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _time(state: RunState, progress: Progress) -> str:
    if state is RunState.TRAINING and progress.eta is not None:
        return _tile("Time left", words.duration(progress.eta))
    return _tile("Time in training", words.duration(progress.seconds))


def _tile(label: str, value: str) -> str:
    return f'<div class="tile"><span>{label}</span><b>{value}</b></div>'


def _meter(label: str, value: str, share: float) -> str:
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="tile"><span>{label}</span><b>{value}</b>'
        f'<span class="bar"><i style="width:{width:.0f}%"></i></span></div>'
    )


def _title(cause: Cause, *, pushing: bool) -> str:
    if pushing:
        return "The model is trained and safe here, but it was not pushed"
    return _CAUSES.get(cause.cause, "The run failed")


def _what_to_do(cause: Cause) -> str:
    remedies = "".join(f"<li>{escape(remedy)}</li>" for remedy in cause.remedies)
    return f'<p class="what">What to do</p><ul>{remedies}</ul>' if remedies else ""


def _warnings(warnings: list[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
    return f'<ul class="warnings">{items}</ul>' if items else ""
