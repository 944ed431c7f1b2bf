"""What a look at the data found, as HTML."""

from html import escape

from core.data.preview import Bar, Piece, Preview, Question, ShownRow, Side
from core.errors import UserError, fields_of
from interface.display import words
from interface.display.setting_labels import with_labels

CHART_HEIGHT = 48
SIDES = {"row": "", "chosen": "Chosen", "rejected": "Rejected"}
FORMATS = {
    "messages": "conversations", "prompt_completion": "prompts with their answers",
    "text": "plain text", "preference": "pairs of answers",
    "unpaired_preference": "answers with a label", "prompt_only": "prompts without answers",
}  # fmt: skip


def rows(preview: Preview, question: Question) -> str:
    """The rows, or why there are none to evaluate with."""
    if preview.rows or question.part == "training" or preview.format is None:
        return "".join(_row(row) for row in preview.rows)
    statistics = preview.statistics
    if statistics.evaluation_rows:
        return ""
    if statistics.evaluation_rows == 0 or not question.config.evaluates:
        return '<p class="muted">Nothing is evaluated.</p>'
    return '<p class="muted">Which rows are held out is known only when all have been read.</p>'


def figures(preview: Preview) -> str:
    """What was read, as what, and what is wrong or odd with it."""
    fault = ""
    if preview.fault is not None:
        found = preview.fault
        fault = blocked(UserError(found.message, hint=found.hint, field=found.field))
    statistics = preview.statistics
    if preview.format is None or statistics.rows == 0:
        return fault
    share = statistics.trained / max(statistics.tokens, 1)
    so_far = "" if statistics.complete else " looked at so far"
    tiles = {
        f"Rows{so_far}": words.count(statistics.rows),
        "Tokens": words.count(statistics.tokens),
        "Learned": f"{share:.0%}",
        "Cut off": f"{statistics.truncated / statistics.rows:.0%}",
        "Longest": words.count(statistics.longest),
        "Copies": words.count(statistics.duplicates),
    }
    shown = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b></div>'
        for name, value in tiles.items()
    )
    warnings = "".join(f"<li>{escape(with_labels(text))}</li>" for text in preview.warnings)
    listed = f'<ul class="warnings">{warnings}</ul>' if warnings else ""
    format = escape(FORMATS[preview.format])
    read = f"<p>Read as <b>{format}</b>{_parts(preview)}.{_division(preview)}</p>"
    tiles_row = f'<div class="tiles">{shown}</div>'
    return f"{fault}{read}{tiles_row}{_histogram(preview)}{listed}"


def _division(preview: Preview) -> str:
    """How many rows are trained on and how many evaluated, as far as that is known."""
    statistics, told = preview.statistics, []
    if statistics.trained_rows is not None:
        told.append(f"<b>{words.count(statistics.trained_rows)}</b> rows are trained on")
    if statistics.evaluation_rows is not None:
        told.append(f"<b>{words.count(statistics.evaluation_rows)}</b> are evaluated")
    return f" {', '.join(told)}." if told else ""


def _parts(preview: Preview) -> str:
    if not preview.columns:
        return ""
    named = (f"{part} = <code>{escape(value)}</code>" for part, value in preview.parts.items())
    return f": {', '.join(named)}"


def blocked(error: UserError) -> str:
    items = "".join(f"<li>{escape(with_labels(text))}</li>" for text in fields_of(error).values())
    return f'<div class="problems" role="alert"><ul>{items}</ul></div>'


def _histogram(preview: Preview) -> str:
    """Rows by their length, with the max length drawn in."""
    statistics = preview.statistics
    bars, top = statistics.histogram, max((bar.rows for bar in statistics.histogram), default=0)
    if top == 0 or len(bars) < 2:
        return ""
    width = bars[-1].high
    drawn = "".join(_bar(bar, width=width, top=top) for bar in bars if bar.rows)
    limit = statistics.max_length
    line = ""
    if limit < width:
        line = f'<line x1="{limit}" x2="{limit}" y1="0" y2="{CHART_HEIGHT}" class="limit"/>'
    text = (
        f"{words.count(statistics.shortest)} to {words.count(statistics.longest)} tokens a row;"
        f" max length {words.count(limit)}"
    )
    return (
        f'<figure class="lengths"><svg viewBox="0 0 {width} {CHART_HEIGHT}" role="img"'
        f' preserveAspectRatio="none" aria-label="{escape(text)}">{drawn}{line}</svg>'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def _bar(bar: Bar, *, width: int, top: int) -> str:
    height = max(CHART_HEIGHT * bar.rows / top, 1)
    span = max(bar.high - bar.low - width / 200, width / 200)
    return f'<rect x="{bar.low}" y="{CHART_HEIGHT - height:.1f}" width="{span:.1f}" height="{height:.1f}"/>'  # noqa: E501


def _row(row: ShownRow) -> str:
    label = "" if row.label is None else (" · label: true" if row.label else " · label: false")
    use = f" · {escape(row.use)}" if row.use else ""
    sides = "".join(_side(side) for side in row.sides)
    return f'<article class="seen"><h3>{escape(row.place)}{label}{use}</h3>{sides}</article>'


def _side(side: Side) -> str:
    pieces = "".join(_piece(piece) for piece in side.pieces)
    more = f'<span class="muted"> … {words.count(side.left_out)} more</span>' * bool(side.left_out)
    name = f"<b>{SIDES[side.name]}</b> · " if SIDES[side.name] else ""
    counted = f"{words.count(side.trained)} of {words.count(side.tokens)} tokens learned"
    return f'<p class="muted">{name}{counted}</p><pre class="tokens">{pieces}{more}</pre>'


def _piece(piece: Piece) -> str:
    kinds = ("trained", "special", "cut")
    names = " ".join(kind for kind in kinds if getattr(piece, kind))
    ids = ", ".join(str(token) for token in piece.ids)
    shown = escape(piece.text).replace("\n", '<i class="line">↵</i>\n')
    return f'<span class="{names}" title="{ids}">{shown}</span>'
