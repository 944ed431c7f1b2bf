"""What the model will see: some rows as its tokens, and what all of them amount to."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import gradio as gr

from core.data.preview import (
    Bar,
    Jump,
    Piece,
    Preview,
    Previewer,
    Question,
    ShownRow,
    Side,
    Superseded,
)
from core.errors import UserError, fields_of
from core.runs import RunStore
from interface import fields, words
from interface.access import Access
from interface.form import Form

SECTIONS = ("model", "dataset", "columns", "filters", "method", "evaluation")
ROWS = 3
# Each look reads so long, and so many of them make the figures better while one waits.
FIRST_LOOK_SECONDS, NEXT_LOOK_SECONDS, LOOKS = 0.3, 1.5, 4
JUMPS: dict[str, Jump] = {
    "Longest": "longest", "Shortest": "shortest", "Cut off": "truncated", "Random": "random",
}  # fmt: skip
CHART_HEIGHT = 48
# A menu with more columns is of no use; any other can be typed.
MAX_MENU = 200
READING = '<p class="busy" role="status">Looking at the data…</p>'
NOT_READY = '<p class="muted">Rows appear here when the settings of the data are right.</p>'
NOT_YOURS = '<p class="muted">Only those who may train here can look at data.</p>'
SIDES = {"row": "", "chosen": "Better answer", "rejected": "Worse answer"}
SHAPES = {
    "messages": "conversations", "prompt_completion": "prompts with their answers",
    "text": "plain text", "preference": "pairs of answers", "rated": "rated answers",
    "prompts": "prompts without answers",
}  # fmt: skip


class DataPanel:
    """Builds the panel where it is made, inside a gr.Blocks."""

    def __init__(self, *, form: Form, store: RunStore, access: Access) -> None:
        self._form = form
        self._store = store
        self._access = access
        self._previewer = Previewer()
        with gr.Column(elem_classes=["card", "data-panel"]):
            gr.HTML(
                "<h2>What the model will see</h2>"
                '<p class="muted">Token by token; it learns the <mark>marked</mark> ones.</p>'
            )
            self._figures = gr.HTML(NOT_READY, elem_id="data-figures")
            with gr.Row(elem_classes=["buttons"], elem_id="data-buttons"):
                back = gr.Button("Back", size="sm", elem_id="data-back")
                on = gr.Button("Next", size="sm", elem_id="data-next")
                jumps = {
                    gr.Button(label, size="sm", elem_id=f"data-{jump}"): jump
                    for label, jump in JUMPS.items()
                }
            self._rows = gr.HTML("", elem_id="data-rows")
        self._start = gr.Number(0, visible="hidden", label="First row")
        self._pages = {back: -ROWS, on: ROWS}
        self._jumps = jumps

    def wire(self) -> None:
        """Have the panel follow the form. `looks` is the event, for the page's load."""
        self._menus = self._form.menus()
        asked: dict[str, Any] = {
            "outputs": [self._figures, self._rows, self._start],
            "inputs_kwargs": self._form.components,
            "preprocess": False,
            "show_progress": "hidden",
        }
        self.looks: dict[str, Any] = asked | {"fn": self._look}
        menus = asked | {"outputs": [*self._menus.values()], "api_visibility": "private"}
        gr.on(
            self._form.changes(("dataset",)),
            self._fill_menus,
            **menus,
            trigger_mode="always_last",
        )
        gr.on(
            self._form.changes(SECTIONS),
            **self.looks,
            trigger_mode="always_last",
            api_name="look",
        )
        paged = asked | {"inputs": [self._start], "api_visibility": "private"}
        for button, step in self._pages.items():
            button.click(self._pager(step), **paged)
        for button, jump in self._jumps.items():
            button.click(self._jumper(jump), **(asked | {"api_visibility": "private"}))

    def _look(self, request: gr.Request, **values: Any) -> Iterator[tuple[Any, Any, Any]]:
        """The first rows at once, then better figures as more rows are read."""
        yield READING, gr.skip(), 0
        for look in range(LOOKS):
            seconds = NEXT_LOOK_SECONDS if look else FIRST_LOOK_SECONDS
            preview, figures, rows = self._ask(request, values, seconds=seconds)
            yield figures, rows if look == 0 else gr.skip(), 0
            if preview is None or preview.fault or preview.statistics.complete:
                return

    def _fill_menus(self, request: gr.Request, **values: Any) -> list[Any]:
        """What there is to choose from: columns for parts of a row, subsets, splits."""
        preview, _, _ = self._ask(request, values, seconds=0)
        found = preview or Preview()
        return [_menu(path, self._form.value(path, values), found) for path in self._menus]

    def _pager(self, step: int) -> Any:
        def page(request: gr.Request, start: float, **values: Any) -> tuple[Any, Any, Any]:
            first = max(int(start or 0) + step, 0)
            preview, figures, rows = self._ask(request, values, start=first, seconds=0)
            if preview is not None and not preview.rows:
                return figures, gr.skip(), gr.skip()
            return figures, rows, first

        return page

    def _jumper(self, jump: Jump) -> Any:
        def leap(request: gr.Request, **values: Any) -> tuple[Any, Any, Any]:
            preview, figures, rows = self._ask(request, values, jump=jump, seconds=0)
            if preview is None or not preview.rows:
                return figures, '<p class="muted">No row is cut off.</p>', gr.skip()
            return figures, rows, preview.rows[0].index

        return leap

    def _ask(
        self, request: gr.Request, values: Mapping[str, Any], **asked: Any
    ) -> tuple[Preview | None, str, str]:
        """The preview, with its figures and its rows as HTML. None when there can't be one."""
        if not self._access.may_act(request):
            return None, NOT_YOURS, ""
        try:
            question = Question(
                config=self._form.parse(values),
                files=self._form.files(values),
                home=self._store.home,
                count=ROWS,
                **asked,
            )
        except UserError:
            # What is wrong is said above, at its field.
            return None, NOT_READY, ""
        try:
            preview = self._previewer.ask(question, token=self._access.token(request))
        except Superseded:
            return None, READING, ""
        except UserError as error:
            return None, _blocked(error), ""
        return preview, figures(preview), "".join(_row(row) for row in preview.rows)


def _menu(path: str, value: Any, found: Preview) -> Any:
    """What a field offers. What another dataset had, and this one lacks, does not stay chosen."""
    if path == fields.SUBSET_MENU:
        lacks = value and found.subsets and value not in found.subsets
        return gr.update(choices=found.subsets, **({"value": None} if lacks else {}))
    if path not in fields.SPLIT_MENUS:
        return gr.update(choices=found.columns[:MAX_MENU])
    # A part of a split, as train[:1000], is one as well.
    lacks = found.splits and value and str(value).partition("[")[0] not in found.splits
    is_trained_on = path == fields.SPLIT_MENUS[0]
    first = "train" if "train" in found.splits else next(iter(found.splits), None)
    chosen = {"value": first if is_trained_on else None} if lacks else {}
    return gr.update(choices=found.splits[:MAX_MENU], **chosen)


def figures(preview: Preview) -> str:
    """What was read, as what, and what is wrong or odd with it."""
    fault = ""
    if preview.fault is not None:
        found = preview.fault
        fault = _blocked(UserError(found.message, hint=found.hint, field=found.field))
    statistics = preview.statistics
    if preview.shape is None or statistics.rows == 0:
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
    warnings = "".join(f"<li>{escape(text)}</li>" for text in preview.warnings)
    listed = f'<ul class="warnings">{warnings}</ul>' if warnings else ""
    read = f"<p>Read as <b>{escape(SHAPES[preview.shape])}</b>{_parts(preview)}.</p>"
    tiles_row = f'<div class="tiles">{shown}</div>'
    return f"{fault}{read}{tiles_row}{_histogram(preview)}{listed}"


def _parts(preview: Preview) -> str:
    if not preview.columns:
        return ""
    named = (f"{part} = <code>{escape(value)}</code>" for part, value in preview.parts.items())
    return f": {', '.join(named)}"


def _blocked(error: UserError) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in fields_of(error).values())
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
    label = "" if row.label is None else (" · rated good" if row.label else " · rated bad")
    sides = "".join(_side(side) for side in row.sides)
    return f'<article class="seen"><h3>{escape(row.place)}{label}</h3>{sides}</article>'


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
