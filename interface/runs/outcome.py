"""What came of a run: where its model lies, what is on the Hub, and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from core.builtin.model import builtin_model_folder
from core.checkpoint_sync.status import SyncStatus
from core.config.builtin_names import BUILTIN_MODEL
from core.config.options import Weights
from core.publish.demo_space import Demo
from core.publish.usage import usage
from core.runs.events import Tracked
from core.runs.state import RunState
from interface.display.render import render
from interface.runs.snapshots import Snapshot

NO_MODEL = "# When there is a model, this is the Python that uses it."
OUT_OF_REACH = "# The model is on this Space's disk. Push it, and this is the Python that uses it."


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
    # Which step is safe on the Hub matters until the model itself is.
    is_sync_over = history.pushed is not None and state is RunState.DONE
    return Outcome(
        folder=snapshot.run.paths.model if _is_at_hand(snapshot) else None,
        sync=None if is_sync_over else snapshot.sync,
        tracked=history.tracked,
        demo=snapshot.demo,
    )


def use(snapshot: Snapshot) -> str:
    """The Python that uses the model: from its folder where that is in reach, or from the Hub."""
    run, pushed, output = snapshot.run, snapshot.history.pushed, snapshot.output
    if _is_at_hand(snapshot):
        is_builtin = snapshot.status.base_model == BUILTIN_MODEL
        # The adapter names the published model, which is not the one that lies here.
        base = builtin_model_folder(run.home) if is_builtin and snapshot.is_adapter else None
        return usage(
            run.paths.model, is_adapter=snapshot.is_adapter, scores=snapshot.scores, base=base
        )
    if pushed is None or pushed.pull_request or output is None:
        return OUT_OF_REACH if snapshot.has_model and not snapshot.is_in_reach else NO_MODEL
    is_adapter = snapshot.is_adapter and output.weights is Weights.ADAPTER
    return usage(pushed.repo, is_adapter=is_adapter, scores=snapshot.scores)


def _is_at_hand(snapshot: Snapshot) -> bool:
    return snapshot.has_model and snapshot.is_in_reach and not snapshot.status.state.live


def samples(snapshot: Snapshot) -> str:
    """What the model answers to held-out prompts, beside its base, and what it learned from."""
    history = snapshot.history
    return render(
        "runs/samples.html", samples=history.samples, scores=snapshot.scores, scored=history.scored
    )
