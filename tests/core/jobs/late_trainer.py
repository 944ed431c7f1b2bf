"""A trainer that is canceled in its last moment: python -m tests.core.jobs.late_trainer RUN_DIR

It is through; or, where its run is called "sampling", it has saved its model and makes samples.
"""

import os
import signal
import sys
from pathlib import Path

from core.runs.events import EventWriter, ModelSaved
from core.runs.paths import RunPaths
from core.runs.state import Request, Wish

if __name__ == "__main__":
    paths = RunPaths(Path(sys.argv[1]))
    aside = paths.root / "request"
    aside.write_text(Request(wish=Wish.CANCEL).model_dump_json(), encoding="utf-8")
    samples = "name: sampling" in paths.config.read_text(encoding="utf-8")
    if samples:
        EventWriter(paths.events).write(ModelSaved(step=4))
    aside.rename(paths.request)
    if samples:
        # Until it is ended.
        signal.pause()
    os._exit(0)
