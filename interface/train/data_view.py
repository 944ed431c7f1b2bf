"""What a look at the data found, as HTML."""

from dataclasses import dataclass

from core.config.options import DatasetFormat
from core.data.preview import Bar, Preview, Question, Statistics
from core.errors import UserError
from interface.display import messages, problems, words
from interface.display.render import render
from interface.display.setting_labels import setting_label

CHART_HEIGHT = 48
SIDES = {"row": "", "chosen": "Chosen", "rejected": "Rejected"}
FORMATS = {
    "messages": "conversations", "prompt_completion": "prompts with their answers",
    "text": "plain text", "preference": "pairs of answers",
    "unpaired_preference": "answers with a label", "prompt_only": "prompts without answers",
}  # fmt: skip


@dataclass(frozen=True)
class _Column:
    """A bar as it is drawn."""

    left: int
    top: str
    width: str
    height: str


@dataclass(frozen=True)
class _Chart:
    """How many rows have which length, drawn so wide and so high."""

    width: int
    height: int
    bars: list[_Column]


def rows(preview: Preview, question: Question) -> str:
    """The rows, or why there are none to evaluate with."""
    if preview.rows or question.part == "training" or preview.format is None:
        method = question.config.method
        return render(
            "train/data_rows.html", rows=preview.rows, side_names=SIDES,
            scores=method.scores, generates=method.generates,
        )  # fmt: skip
    statistics = preview.statistics
    if statistics.evaluation_rows:
        return ""
    if statistics.evaluation_rows == 0 or not question.config.evaluates:
        return messages.muted("There are no validation rows.")
    return messages.muted("Held-out rows are known once all rows have been read.")


def figures(preview: Preview) -> str:
    """What was read, as what, and what is wrong or odd with it."""
    fault, statistics = preview.fault, preview.statistics
    return render(
        "train/data_figures.html",
        problems=problems.nameless(fault.error()) if fault else [],
        format=_format(preview) if preview.format and statistics.rows else None,
        # Without columns there was nothing to choose from.
        parts=preview.parts if preview.columns else {},
        unused=preview.unused,
        deciding=preview.deciding,
        dropped=[(rows, setting_label(path)) for path, rows in statistics.dropped.items()],
        division=_division(statistics),
        others=0 if statistics.holds_out else statistics.evaluation_rows or 0,
        statistics=statistics,
        chart=_chart(statistics),
        warnings=preview.warnings,
    )


def _format(preview: Preview) -> str:
    has_answers = preview.format is DatasetFormat.PROMPT_ONLY and "answer" in preview.parts
    return "prompts with reference answers" if has_answers else FORMATS[str(preview.format)]


def blocked(error: UserError) -> str:
    """Why there is nothing to see."""
    return problems.show(problems.nameless(error))


def _division(statistics: Statistics) -> list[tuple[int, str]]:
    """What becomes of the rows, each time with how many; nothing while that is not known."""
    used, trained = statistics.used_rows, statistics.trained_rows
    if used is None or trained is None:
        return []
    held = statistics.evaluation_rows or 0 if statistics.holds_out else 0
    repeated = f", {words.count(trained)} times in all" if trained > used else ""
    told = (
        (held, "held out to evaluate with"),
        (max(statistics.rows - used - held, 0), "left out"),
    )
    return [(used, f"to train on{repeated}"), *(each for each in told if each[0])]


def _chart(statistics: Statistics) -> _Chart | None:
    bars, top = statistics.histogram, max((bar.rows for bar in statistics.histogram), default=0)
    if top == 0 or len(bars) < 2:
        return None
    width = bars[-1].high
    return _Chart(
        width=width,
        height=CHART_HEIGHT,
        bars=[_column(bar, width=width, top=top) for bar in bars if bar.rows],
    )


def _column(bar: Bar, *, width: int, top: int) -> _Column:
    """A bar at least so wide and so high that it can be seen, and apart from the next."""
    least = width / 200
    height = max(CHART_HEIGHT * bar.rows / top, 1)
    return _Column(
        left=bar.low,
        top=f"{CHART_HEIGHT - height:.1f}",
        width=f"{max(bar.high - bar.low - least, least):.1f}",
        height=f"{height:.1f}",
    )
