"""What a benchmark found, as rows of one table."""

from dataclasses import astuple, dataclass

HEADINGS = ("name", "ours", "rival", "ratio or figure", "limit", "ok")
NONE = "–"


class BenchmarkFailed(Exception):
    """There is no figure, or it would not be a fair one."""


@dataclass(frozen=True)
class Row:
    """One figure. Without a limit it is there to explain another."""

    name: str
    figure: str
    ours: str = NONE
    rival: str = NONE
    limit: str = NONE
    ok: bool = True


def render(rows: list[Row]) -> str:
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    verdict = NONE if row.limit == NONE and row.ok else "yes" if row.ok else "NO"
    name, figure, ours, rival, limit, _ = astuple(row)
    return name, ours, rival, figure, limit, verdict
