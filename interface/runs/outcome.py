"""What came of a run, in words: where its model lies, what is on the Hub, and what it answers."""

from html import escape

from core.publish.demo_space import Demo
from core.runs.events import Pushed, Sample, Tracked
from core.runs.state import RunState
from interface.display import words
from interface.display.setting_labels import with_labels
from interface.runs.snapshots import Snapshot


def lines(snapshot: Snapshot) -> str:
    """Where the model, its checkpoints and its demo are."""
    return (
        f"{_place(snapshot)}{_checkpoint_sync(snapshot)}{_pushed(snapshot.history.pushed)}"
        f"{_tracked(snapshot.history.tracked)}{_demo(snapshot.demo)}"
    )


def samples(snapshot: Snapshot) -> str:
    """What the model answers to held-out prompts, beside its base."""
    if not snapshot.history.samples:
        return '<p class="muted">Sample answers appear when the training is done.</p>'
    return "".join(_sample(sample) for sample in snapshot.history.samples)


def _place(snapshot: Snapshot) -> str:
    if snapshot.status.state.live or not (snapshot.has_model and snapshot.is_in_reach):
        return ""
    return (
        f'<p class="muted">The model is in <code>{escape(str(snapshot.run.paths.model))}</code></p>'
    )


def _checkpoint_sync(snapshot: Snapshot) -> str:
    """Which step is safe on the Hub, until the model itself is."""
    sync = snapshot.sync
    is_let_go = snapshot.history.pushed is not None and snapshot.status.state is RunState.DONE
    if sync is None or is_let_go:
        return ""
    if sync.problem:
        return f'<p class="problem">Checkpoint sync failed: {escape(with_labels(sync.problem))}</p>'
    if not sync.step:
        return '<p class="muted">Checkpoints go to the Hub as soon as there is one.</p>'
    return (
        f'<p class="muted">Step {words.count(sync.step)} is synced to the Hub, in'
        f" <code>{escape(sync.repo)}</code> (private).</p>"
    )


def _pushed(pushed: Pushed | None) -> str:
    # Only the Hub's own kind of address becomes a link.
    if pushed is None or not pushed.url.startswith(("https://", "http://")):
        return ""
    privacy = "private" if pushed.private else "public"
    done = "Proposed as a pull request to" if pushed.pull_request else "Pushed to"
    return (
        f'<p class="pushed">{done} <a href="{escape(pushed.url)}" target="_blank"'
        f' rel="noopener noreferrer">{escape(pushed.repo)}</a>, {privacy}:'
        f" {words.count(pushed.files)} files, {words.size(pushed.size)}, each one verified.</p>"
    )


def _demo(demo: Demo | None) -> str:
    if demo is None:
        return ""
    if demo.problem:
        return f'<p class="problem">No demo Space: {escape(demo.problem)}</p>'
    if demo.note or not demo.url.startswith(("https://", "http://")):
        return f'<p class="busy" role="status">{escape(demo.note)}</p>'
    return (
        f'<p class="pushed">Demo Space: <a href="{escape(demo.url)}" target="_blank"'
        f' rel="noopener noreferrer">{escape(demo.repo)}</a>, private until you change that.</p>'
    )


def _sample(sample: Sample) -> str:
    answers = [("Answer", sample.answer), ("In the data", sample.reference)]
    if sample.base_answer is not None:
        answers.append(("Its base says", sample.base_answer))
    lines = "".join(f"<dt>{label}</dt><dd>{escape(text)}</dd>" for label, text in answers)
    return f'<section class="sample"><h3>{escape(sample.prompt)}</h3><dl>{lines}</dl></section>'


def _tracked(tracked: Tracked | None) -> str:
    if tracked is None or not tracked.url.startswith(("https://", "http://")):
        return ""
    links = [(tracked.url, tracked.repo)]
    if tracked.dashboard:
        links.append((tracked.dashboard, "Trackio"))
    listed = " and ".join(
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(name)}</a>'
        for url, name in links
    )
    return f'<p class="tracked">Its curves are in {listed}.</p>'
