"""A trainer that is canceled in its last moment: python -m tests.core.jobs.late_trainer RUN_DIR"""

import os
import sys
from pathlib import Path

from core.runs.paths import RunPaths
from core.runs.state import Request, Wish

if __name__ == "__main__":
    paths = RunPaths(Path(sys.argv[1]))
    aside = paths.root / "request"
    aside.write_text(Request(wish=Wish.CANCEL).model_dump_json(), encoding="utf-8")
    aside.rename(paths.request)
    os._exit(0)
