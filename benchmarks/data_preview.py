"""The first look at very large files, and other pages, against a script with datasets.

Memory is VmHWM in /proc/PID/status, the most that a process has ever had resident, summed over the
preview's process and all that it started; of the script it is ru_maxrss, which is the same figure.
"""

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.big_data import write_jsonl, write_parquet
from benchmarks.home import new_home
from benchmarks.table import BenchmarkFailed, Row
from benchmarks.timing import spend_and_tell, warm_up
from core.builtin.model import builtin_model_folder
from core.config.parse import parse_config
from core.data.preview import Preview, Question
from core.data.previewer import Previewer

PARQUET_ROWS = 5_000_000
JSONL_BYTES = 2_000_000_000
MAX_SECONDS, MAX_PAGE_SECONDS, MAX_BYTES = 3.0, 0.3, 500_000_000
# As the page asks.
ROWS, FIRST_LOOK_SECONDS = 3, 0.3
TIMES, PAGES = 3, 5
# A hundred pages on: rows that no look has read yet.
FAR_ROWS = 100 * ROWS
LIMIT_SECONDS = 1800


@dataclass(frozen=True)
class Looked:
    """Seconds to the first rows and to other pages, and the most memory that it took."""

    first: float
    next: float
    far: float
    memory: int


def measure() -> list[Row]:
    warm_up()
    rows = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, new_home() as home:
        path = write_parquet(Path(folder) / "rows.parquet", rows=PARQUET_ROWS)
        rows += _measure(f"parquet of {PARQUET_ROWS / 1e6:.0f} million rows", path, home=home)
        path.unlink()
        path = write_jsonl(Path(folder) / "rows.jsonl", size=JSONL_BYTES)
        rows += _measure(f"jsonl of {JSONL_BYTES / 1e9:.0f} GB", path, home=home)
    return rows


def _measure(name: str, path: Path, *, home: Path) -> list[Row]:
    looks = [_look(path, home=home) for _ in range(TIMES)]
    rival_seconds, rival_memory = _rival(path, home=home)
    first = median(look.first for look in looks)
    memory = max(look.memory for look in looks)
    return [
        Row(
            name=f"first look, {name}",
            ours=f"{first:.2f} s",
            rival=f"datasets {rival_seconds:.1f} s",
            figure=f"{first:.2f} s, {first / rival_seconds:.3f} times",
            limit=f"< {MAX_SECONDS:.0f} s",
            ok=first < MAX_SECONDS,
        ),
        Row(
            name="  its memory at most",
            ours=f"{memory / 1e6:.0f} MB",
            rival=f"datasets {rival_memory / 1e6:.0f} MB",
            figure=f"{memory / 1e6:.0f} MB",
            limit=f"< {MAX_BYTES // 1_000_000} MB",
            ok=memory < MAX_BYTES,
        ),
        _page_row("the next page", median(look.next for look in looks)),
        _page_row("a hundred pages on", median(look.far for look in looks)),
    ]


def _page_row(name: str, seconds: float) -> Row:
    return Row(
        name=f"  {name}",
        ours=f"{seconds * 1000:.0f} ms",
        figure=f"{seconds * 1000:.0f} ms",
        limit=f"< {MAX_PAGE_SECONDS * 1000:.0f} ms",
        ok=seconds < MAX_PAGE_SECONDS,
    )


def _look(path: Path, *, home: Path) -> Looked:
    """One look by a process that is started for it, as the page's is."""
    config = parse_config({"dataset": {"source": "upload", "files": [path.name]}})
    question = Question(config=config, files={path.name: path}, home=home, count=ROWS)
    with closing(Previewer()) as previewer:

        def ask(start: int, *, seconds: float = 0) -> tuple[Preview, float]:
            asked = question.model_copy(update={"start": start, "seconds": seconds})
            begun = time.perf_counter()
            preview = previewer.ask(asked, token=None)
            spent = time.perf_counter() - begun
            _check_shown(preview, start=start)
            return preview, spent

        preview, first = ask(0, seconds=FIRST_LOOK_SECONDS)
        pages = [ask(ROWS * page)[1] for page in range(1, PAGES + 1)]
        read = preview.statistics.rows
        far = [ask(read + FAR_ROWS * times)[1] for times in range(1, PAGES + 1)]
        memory = _peak_memory()
    return Looked(first=first, next=median(pages), far=median(far), memory=memory)


def _check_shown(preview: Preview, *, start: int) -> None:
    if [row.index for row in preview.rows] != list(range(start, start + ROWS)):
        raise BenchmarkFailed(f"the rows from {start} on were not shown: {preview.fault}")


def _peak_memory() -> int:
    """The most bytes that the preview's processes have had in memory so far."""
    # What an earlier measure ended may still be in the list.
    alive = (c for c in psutil.Process().children() if c.status() != psutil.STATUS_ZOMBIE)
    (process,) = (child for child in alive if "core.train.preview" in child.cmdline())
    family = [process, *process.children(recursive=True)]
    statuses = [Path(f"/proc/{each.pid}/status").read_text(encoding="utf-8") for each in family]
    return sum(1024 * int(text.partition("VmHWM:")[2].split()[0]) for text in statuses)


def _rival(path: Path, *, home: Path) -> tuple[float, int]:
    """Seconds and bytes of a plain script that shows the tokens of the same rows."""
    command = ["benchmarks.plain_preview", path, builtin_model_folder(home), home / "cache"]
    _, told = spend_and_tell([*map(str, command)], home=home, limit=LIMIT_SECONDS)
    return float(told["seconds"]), int(told["memory"])
