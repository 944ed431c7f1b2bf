"""The trainer of one run, as the supervisor starts it: python -m core.train RUN_DIR

Its exit code is a TrainerExit; anything else is a crash that the supervisor explains.
"""

import sys
from pathlib import Path

from core.errors import UserError
from core.machine.loading import loading
from core.runs.events import EventWriter, Failure
from core.runs.paths import RunPaths
from core.runs.state import TrainerExit
from core.runs.store import Run
from core.train.left_out import leave_out_bitsandbytes
from core.train.process import prepare_process


def main() -> int:
    prepare_process()
    root = Path(sys.argv[1])
    run = Run(id=root.name, paths=RunPaths(root))
    events = EventWriter(run.paths.events)
    try:
        leave_out_bitsandbytes(run.config())
        with loading():
            from core.train.session import train

        return train(run, events)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        events.write(Failure.of(error))
        return TrainerExit.NEEDS_A_PERSON


if __name__ == "__main__":
    sys.exit(main())
