"""Which stages a run goes through, decided before it starts."""

from enum import StrEnum

from core.config.options import Tracking, Weights
from core.runs.store import Run


class StageName(StrEnum):
    """The stages there are, by the words of the supervisor's command line."""

    TRAIN = "train"
    TRACK = "track"
    MERGE = "merge"
    PUSH = "push"


def owed_stages(run: Run, *, trains: bool) -> list[StageName]:
    """The stages of a run that is started or resumed; or, where it does not train, of a push.

    Raises UserError when its settings are another version's.
    """
    config, output = run.config(), run.output()
    pushes = config.output.push_to_hub or not trains
    merges = config.adapter.mergeable and output.weights is not Weights.ADAPTER
    owed = {
        StageName.TRAIN: trains,
        # Before the push, so that the model's card can name the place.
        StageName.TRACK: config.output.tracking is not Tracking.NONE,
        StageName.MERGE: pushes and merges,
        StageName.PUSH: pushes,
    }
    return [name for name, is_owed in owed.items() if is_owed]
