"""python -m benchmarks [NAME …]: one table of ratios and figures; exit code 1 if a limit breaks."""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial

from benchmarks import (
    data_preview,
    first_step,
    forecast,
    live_tick,
    page_memory,
    push_unchanged,
    sync_checkpoints,
    tokenization,
    training,
    waiting_runs,
)
from benchmarks.table import BenchmarkFailed, Row, render

Measure = Callable[[], list[Row]]


def main() -> int:
    # As Ctrl-C does: what was started is ended, and what was written is deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = _parser().parse_args()
    measures: dict[str, Measure] = {
        "training": partial(training.measure, pairs=asked.pairs, steps=asked.steps),
        "first_step": partial(first_step.measure, pairs=asked.pairs),
        "forecast": forecast.measure,
        "page_memory": page_memory.measure,
        "live_tick": live_tick.measure,
        "data_preview": data_preview.measure,
        "tokenization": partial(tokenization.measure, pairs=asked.pairs),
        "sync_checkpoints": partial(sync_checkpoints.measure, pairs=asked.pairs),
        "push_unchanged": push_unchanged.measure,
        "waiting_runs": waiting_runs.measure,
    }
    unknown = [name for name in asked.names if name not in measures]
    if unknown:
        sys.stderr.write(f"There is no {unknown[0]!r}; there are {', '.join(measures)}.\n")
        return 2
    rows = []
    for name in asked.names or measures:
        sys.stderr.write(f"{name} …\n")
        rows += _rows_of(name, measures[name])
    print(render(rows))
    return 0 if all(row.ok for row in rows) else 1


def _rows_of(name: str, measure: Measure) -> list[Row]:
    try:
        return measure()
    except Exception as error:
        # The others' figures took minutes to make.
        if not isinstance(error, BenchmarkFailed):
            traceback.print_exc()
        return [Row(name=name, figure=f"failed: {error}", ok=False)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; all by default")
    parser.add_argument("--pairs", type=int, default=2, help="how often each side is timed")
    parser.add_argument("--steps", type=int, default=12, help="steps of the timed training")
    return parser


if __name__ == "__main__":
    sys.exit(main())
