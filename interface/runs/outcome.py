"""What came of a run: where its model lies, what is on the Hub, and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from core.checkpoint_sync.status import SyncStatus
from core.publish.demo_space import Demo
from core.runs.events import Tracked
from core.runs.state import RunState
from interface.display.render import render
from interface.runs.snapshots import Snapshot


@dataclass(frozen=True)
class Outcome:
    """Where the model, its checkpoints, its curves and its demo are, each where there is one.

    `folder` is the model's, for those who can go there.
    """

    folder: Path | None
    sync: SyncStatus | None
    tracked: Tracked | None
    demo: Demo | None


def outcome_of(snapshot: Snapshot) -> Outcome:
    state, history = snapshot.status.state, snapshot.history
    is_at_hand = snapshot.has_model and snapshot.is_in_reach and not state.live
    # Which step is safe on the Hub matters until the model itself is.
    is_sync_over = history.pushed is not None and state is RunState.DONE
    return Outcome(
        folder=snapshot.run.paths.model if is_at_hand else None,
        sync=None if is_sync_over else snapshot.sync,
        tracked=history.tracked,
        demo=snapshot.demo,
    )


def samples(snapshot: Snapshot) -> str:
    """What the model answers to held-out prompts, beside its base, and what it learned from."""
    history = snapshot.history
    return render(
        "runs/samples.html", samples=history.samples, scores=snapshot.scores, scored=history.scored
    )
