"""What the model will see: some rows as its tokens, and what all of them amount to."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.config.data import NOT_USED
from core.data.preview import Jump, Preview, Question, RowsPart
from core.data.previewer import Previewer, Superseded
from core.errors import UserError
from core.machine.warm import WarmProcess
from core.runs.store import RunStore
from interface.access.roles import Access
from interface.display import messages
from interface.display.live import NO_PROGRESS, RELEASES
from interface.display.render import render
from interface.train import data_view as view
from interface.train import field_problems, fields, forecast_view
from interface.train.form import Form

ROWS = 3
# Each look reads so long, and so many of them make the figures better while one waits.
FIRST_LOOK_SECONDS, NEXT_LOOK_SECONDS, LOOKS = 0.3, 1.5, 4
JUMPS: dict[str, Jump] = {
    "Longest": "longest", "Shortest": "shortest", "Cut off": "truncated", "Random": "random",
}  # fmt: skip
PARTS: list[tuple[str, RowsPart]] = [
    ("To train on", "training"),
    ("To evaluate with", "evaluation"),
]
# The menus in which another dataset's choice does not stay.
CORRECTED = (fields.SUBSET_MENU, *fields.SPLIT_MENUS)
# A menu with more columns is of no use; any other can be typed.
MAX_MENU = 200
READING = messages.busy("Looking at the data…")
GIVEN_UP = messages.muted(
    "This preview took too long while others were waiting. Press Back to try again."
)
NOT_READY = messages.muted("Rows appear here when the data settings are valid.")
NOT_YOURS = messages.muted("Only people who may train here can preview data.")
NONE_CUT_OFF = messages.muted("No row is truncated.")


@dataclass(frozen=True)
class _Answer:
    """The preview, None when there can't be one; as HTML its figures, its rows, a fault and what a
    run takes; and what the last comes from.
    """

    preview: Preview | None
    figures: str
    rows: str = ""
    blocker: str = ""
    forecast: str = ""
    facts: forecast_view.Facts | None = None


class DataPanel:
    """Builds the panel where it is made, inside a gr.Blocks."""

    def __init__(
        self, *, form: Form, blocker: gr.HTML, forecast: gr.HTML, store: RunStore, access: Access
    ) -> None:  # fmt: skip
        """`blocker` is told what of the data keeps a run from starting, `forecast` what it takes.

        `facts` is what that comes from, for whoever makes it again.
        """
        self._form = form
        self._blocker, self._forecast = blocker, forecast
        self.facts = gr.State(None)
        self._store = store
        self._access = access
        self.previewer = Previewer()
        self._warm = WarmProcess()
        # The newest look of each open page, while it lasts.
        self._newest: dict[str, str] = {}
        with gr.Column(elem_classes=["card", "data-panel"], elem_id="data-panel"):
            gr.HTML(render("train/data_intro.html"))
            self._figures = gr.HTML(NOT_READY, elem_id="data-figures")
            self._part = gr.Radio(
                PARTS, value=PARTS[0][1], label="Rows to show", show_label=False, container=False,
                elem_id="data-part",
            )  # fmt: skip
            with gr.Row(elem_classes=["buttons"], elem_id="data-buttons"):
                back = gr.Button("Back", size="sm", elem_id="data-back")
                on = gr.Button("Next", size="sm", elem_id="data-next")
                jumps = {
                    gr.Button(label, size="sm", elem_id=f"data-{jump}"): jump
                    for label, jump in JUMPS.items()
                }
            self._rows = gr.HTML("", elem_id="data-rows")
        self._start = gr.Number(0, visible="hidden", label="First row")
        # What is chosen in the menus and is none of their choices, by the order of CORRECTED.
        self._wrong = gr.JSON(visible="hidden", label="Wrong choices")
        # Which look is shown, by a number of its own: the page marks what is out of date.
        self._shown = gr.Textbox(visible="hidden", label="Look")
        self._pages = {back: -ROWS, on: ROWS}
        self._jumps = jumps

    def wire(self, *, previews: dict[str, Any]) -> None:
        """Have the panel follow the form. `looks` is an event, for the page's load."""
        self._menus = self._form.menus()
        asked: dict[str, Any] = {
            "outputs": [self._figures, self._rows, self._start],
            "inputs_kwargs": {"part": self._part, **self._form.components},
            "preprocess": False,
            **NO_PROGRESS,
        }
        self.looks: dict[str, Any] = asked | {
            "fn": self._look,
            "outputs": [
                self._figures,
                self._rows,
                self._start,
                self._blocker,
                self._forecast,
                self.facts,
                self._shown,
            ],
        }
        looks_again = self.looks | {"api_visibility": "private"}
        self._fills: dict[str, Any] = asked | {
            "fn": self._fill_menus,
            "outputs": [*self._menus.values(), self._wrong],
            "api_visibility": "private",
        }
        corrected = [self._menus[path] for path in CORRECTED]
        self._corrects: dict[str, Any] = {
            "fn": None,
            "inputs": [self._wrong, *corrected],
            "outputs": corrected,
            "js": "(...values) => window.smolfactory.correct(...values)",
        }
        menus = gr.on(self._form.changes(("dataset",)), **self._fills, trigger_mode="always_last")
        # Last, and each time: a summary that was asked for before a look knew nothing of it, and
        # may come after it.
        self._again: list[dict[str, Any]] = [previews, looks_again, previews]
        _in_turn(menus.then(**self._corrects), self._again)
        gr.on(
            self._form.changes(tuple(name for name in fields.LOOKED_AT if name != "dataset")),
            **self.looks,
            trigger_mode="always_last",
            api_name="look",
        ).then(**previews)
        self._shown.change(
            fn=None, inputs=[self._shown], js="(look) => window.smolfactory.lookShown(look)"
        )
        self._part.input(
            self._pager(None),
            trigger_mode="always_last",
            **(asked | {"inputs": [self._start], "api_visibility": "private"}),
        )
        paged = asked | {"inputs": [self._start], "api_visibility": "private"}
        for button, step in self._pages.items():
            button.click(self._pager(step), **paged)
        for button, jump in self._jumps.items():
            button.click(self._jumper(jump), **(asked | {"api_visibility": "private"}))

    def follow(self, event: Any) -> None:
        """Look at what an event has filled the form with: summary, menus, rows."""
        # The summary waits for no row; it comes again, since the menus may choose another split.
        event.then(**RELEASES)
        event.then(**self._again[0])
        _in_turn(self.fill_menus(event), self._again)

    def fill_menus(self, event: Any) -> Any:
        """Fill the menus after an event. Returns the event that they are filled."""
        return event.then(**self._fills).then(**self._corrects)

    def _look(
        self, request: gr.Request, part: RowsPart, **values: Any
    ) -> Iterator[tuple[Any, ...]]:
        """The first rows at once, then better figures as more rows are read."""
        number = uuid.uuid4().hex
        page = request.session_hash or number
        self._newest[page] = number
        try:
            yield READING, gr.skip(), 0, gr.skip(), gr.skip(), gr.skip(), number
            for look in range(LOOKS):
                seconds = NEXT_LOOK_SECONDS if look else FIRST_LOOK_SECONDS
                found = self._ask(
                    request, values, part=part, seconds=seconds, wants_shape=True,
                    is_wanted=lambda: self._newest.get(page) == number,
                )  # fmt: skip
                if self._newest.get(page) != number:
                    # The form has changed since, and another look is on its way.
                    return
                rows = found.rows if look == 0 else gr.skip()
                preview = found.preview
                shown = f"{number} shown"
                yield found.figures, rows, 0, found.blocker, found.forecast, found.facts, shown
                if preview is None or preview.fault or preview.statistics.complete:
                    return
        finally:
            if self._newest.get(page) == number:
                del self._newest[page]
                # The page rests, so that nobody waits for the processor time that this takes.
                self._warm.begin()

    def _fill_menus(self, request: gr.Request, part: RowsPart, **values: Any) -> list[Any]:
        """What there is to choose from: columns for parts of a row, subsets, splits."""
        found = self._ask(request, values, part=part, seconds=0).preview or Preview()
        wrong = [_wrong(path, self._form.value(path, values), found) for path in CORRECTED]
        return [*(gr.update(choices=_choices(path, found)) for path in self._menus), wrong]

    def _pager(self, step: int | None) -> Any:
        """Go on by so many rows; without a step to the first."""

        def page(
            request: gr.Request, start: float, part: RowsPart, **values: Any
        ) -> tuple[Any, Any, Any]:
            first = 0 if step is None else max(int(start or 0) + step, 0)
            found = self._ask(request, values, part=part, start=first, seconds=0)
            if first and found.preview is not None and not found.preview.rows:
                return found.figures, gr.skip(), gr.skip()
            return found.figures, found.rows, first

        return page

    def _jumper(self, jump: Jump) -> Any:
        def leap(request: gr.Request, part: RowsPart, **values: Any) -> tuple[Any, Any, Any]:
            found = self._ask(request, values, part=part, jump=jump, seconds=0)
            if found.preview is None or not found.preview.rows:
                return found.figures, found.rows or NONE_CUT_OFF, gr.skip()
            return found.figures, found.rows, found.preview.rows[0].index

        return leap

    def _ask(
        self,
        request: gr.Request,
        values: Mapping[str, Any],
        is_wanted: Callable[[], bool] = lambda: True,
        **asked: Any,
    ) -> _Answer:
        if not self._access.may_act(request):
            return _Answer(None, NOT_YOURS)
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
            return _Answer(None, NOT_READY)
        try:
            token = self._access.token(request)
            preview = self.previewer.ask(question, token=token, is_wanted=is_wanted)
        except Superseded:
            return _Answer(None, GIVEN_UP)
        except UserError as error:
            return _Answer(None, view.blocked(error), blocker=self._at_its_field(error))
        fault = preview.fault
        facts = forecast_view.facts_of(question.config, preview)
        return _Answer(
            preview,
            figures=view.figures(preview),
            rows=view.rows(preview, question),
            blocker=self._at_its_field(fault.error()) if fault else "",
            forecast=forecast_view.show(question.config, facts, home=self._store.home)
            if facts
            else "",
            facts=facts,
        )

    def _at_its_field(self, error: UserError) -> str:
        return field_problems.show(self._form, error, reveal=False)


def _in_turn(event: Any, steps: list[dict[str, Any]]) -> None:
    for each in steps:
        event = event.then(**each)


def _choices(path: str, found: Preview) -> list[Any]:
    """What a field offers."""
    if path == fields.SUBSET_MENU:
        return found.subsets
    if path in fields.SPLIT_MENUS:
        return found.splits[:MAX_MENU]
    columns: list[Any] = found.columns[:MAX_MENU]
    if path.startswith("columns.") and columns:
        columns = [*columns, ("None: leave it out", NOT_USED)]
    return columns


def _wrong(path: str, value: Any, found: Preview) -> dict[str, Any] | None:
    """What another dataset had, and this one lacks, with what is chosen instead."""
    offered = found.subsets if path == fields.SUBSET_MENU else found.splits
    # A part of a split, as train[:1000], is one as well.
    name = str(value) if path == fields.SUBSET_MENU else str(value).partition("[")[0]
    if not value or not offered or name in offered:
        return None
    is_trained_on = path == fields.SPLIT_MENUS[0]
    first = "train" if "train" in offered else offered[0]
    return {"seen": value, "instead": first if is_trained_on else None}
