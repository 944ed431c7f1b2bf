"""The Train tab: the form, what one should know before it starts, and Start."""

import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import gradio as gr

from core.config import proposed_name
from core.config.run_config import RunConfig
from core.errors import UserError
from core.jobs import launcher, preflight
from core.publish import free_name
from core.runs.store import Run, RunStore
from interface.access.roles import Access
from interface.display import messages, problems
from interface.display.live import NO_PROGRESS, QUIET
from interface.train import field_problems, forecast_view, summary
from interface.train.data_panel import DataPanel
from interface.train.dataset_search import offer_datasets
from interface.train.form import Form
from interface.train.method_defaults import follow_method
from interface.train.presets import Presets
from interface.train.rewards_panel import RewardsPanel
from interface.train.run_file import UNREADY, RunFile, unready
from interface.train.saved_form import SavedForm

T = TypeVar("T")
# Until the first answer comes.
CHECKING = messages.busy("Checking the settings…")


@dataclass(frozen=True)
class Refusal:
    """Settings, with the person's files, that Start said no to; and why, as HTML."""

    config: RunConfig
    files: Mapping[str, Path]
    words: str


class TrainTab:
    """Builds the tab where it is made, inside a gr.Blocks."""

    def __init__(self, *, store: RunStore, access: Access) -> None:
        self._store = store
        self._access = access
        with gr.Row(elem_classes=["train"]):
            with gr.Column(scale=3, min_width=320, elem_classes=["form-column"]):
                self.presets = Presets(store=store, access=access)
                self.form = Form()
            with gr.Column(scale=2, min_width=320, elem_classes=["side-column"]):
                self._build_side()
        changed = self._wire_preview()
        self.saved = SavedForm(self.form, when=[changed])
        # After the summary: a browser takes up the answers to one change in turn.
        self.data.wire(previews=self.previews)
        self.rewards.wire(self.data.facts)
        offer_datasets(self.form, access=access)
        follow_method(self.form)
        for fills in (self.file, self.presets):
            self.data.follow(fills.wire(self.form))

    def look_after(self, loaded: Any) -> None:
        """Look at the form once it is as the browser saved it: summary, rows, menus."""
        loaded.then(**self.previews)
        looked = loaded.then(**self.data.looks, api_visibility="private")
        self.data.fill_menus(looked).then(**self.previews)
        loaded.then(**self.presets.offers, **QUIET)

    def start(
        self, request: gr.Request, submission: str | None, values: Mapping[str, Any]
    ) -> Iterator[tuple[str, str, Refusal | None, str | None]]:
        """Check everything, then start the run.

        Yields the words beside the button, the problems, what was refused, and at the end the
        id of the run.
        """
        self._access.require(request)
        try:
            config, files = self.form.parse(values), self.form.files(values)
        except UserError as error:
            yield "", field_problems.show(self.form, error, reveal=True), None, None
            return
        try:
            for said in self.launch(request, submission, config=config, files=files):
                if isinstance(said, str):
                    yield messages.busy(said), problems.NOTHING, None, None
                else:
                    yield "", problems.NOTHING, None, said.id
        except UserError as error:
            found = field_problems.show(self.form, error, reveal=True)
            yield "", found, Refusal(config=config, files=files, words=found), None

    def launch(
        self,
        request: gr.Request,
        submission: str | None,
        *,
        config: RunConfig,
        files: Mapping[str, Path],
    ) -> Iterator[str | Run]:
        """Check everything, then start the run, for someone who may.

        Yields what is done at the moment, and at the end the run. Raises UserError for what is in
        the way.
        """
        by_itself = config.output.auto_resume
        self._access.require_own_account(request, resumes_by_itself=by_itself)
        token = self._access.token(request)
        yield "Checking…"
        named = free_name.named(config, store=self._store, token=token)

        def check(report: Callable[[str], None]) -> list[str]:
            return preflight.check(
                named, files=files, home=self._store.home, token=token, report=report,
                previewer=self.data.previewer,
            )  # fmt: skip

        checking = _Reporting(check)
        yield from checking.reports()
        warnings = checking.result()
        yield "Starting…"
        yield launcher.start(
            self._store, named, files=files, token=token, warnings=warnings,
            submission=submission or new_submission(),
        )  # fmt: skip

    def preview(
        self,
        request: gr.Request,
        refusal: Refusal | None,
        facts: forecast_view.Facts | None,
        **values: Any,
    ) -> tuple[Any, ...]:
        """The run that the form describes: a summary, what it takes, its YAML, command, problems.

        And its name, shown where one can be typed.

        A form filled by the program is previewed late: what Start has refused meanwhile stays.
        """
        try:
            config, files = self.form.parse(values), self.form.files(values)
        except UserError as error:
            found = field_problems.show(self.form, error, reveal=False)
            return (
                summary.unready(),
                forecast_view.NOTHING,
                unready(self.form, error),
                UNREADY,
                found,
                gr.skip(),
            )
        # What runs are called, and which models lie here, is none of a visitor's business.
        may_see = self._access.may_act(request)
        named = self._store.named(config) if may_see else proposed_name.named(config, taken=())
        command = f"python -m core train {named.output.repo_name}.yaml"
        shown = summary.show(named, self._circumstances(request))
        is_refused = refusal and (refusal.config, refusal.files) == (config, files)
        found = problems.NOTHING
        if refusal and is_refused:
            found = refusal.words
        elif may_see:
            found = field_problems.of_the_model(self.form, config, home=self._store.home)
        name = gr.update(placeholder=named.output.repo_name)
        takes = forecast_view.show(config, facts, home=self._store.home)
        # What it chooses for itself follows what else is changed in the file.
        yaml = config.to_yaml(left_open=self.form.left_open(values))
        return shown, takes, yaml, command, found, name

    def _circumstances(self, request: gr.Request) -> summary.Circumstances:
        token, own = self._access.token(request), self._access.own_token(request)
        ends = self._access.person(request).token_ends
        return summary.Circumstances(
            signed_in=token is not None,
            token_seconds=ends - time.time() if ends and token == own else None,
            on_space=self._access.on_space,
        )

    def _build_side(self) -> None:
        with gr.Column(elem_classes=["card", "before"]):
            gr.HTML("<h2>Before you start</h2>")
            self.summary = gr.HTML(CHECKING, elem_id="summary")
            self.forecast = gr.HTML(forecast_view.NOTHING, elem_id="forecast")
            self.problems = gr.HTML(
                problems.NOTHING,
                elem_id="problems",
                js_on_load="window.smolfactory.followProblems(element, watch)",
            )
            blocker = gr.HTML(
                problems.NOTHING,
                elem_id="data-problem",
                js_on_load="window.smolfactory.followProblems(element, watch)",
            )
            self.start_button = gr.Button("Start", variant="primary", elem_id="start", size="lg")
            self.status = gr.HTML("", elem_id="start-status")
            self.refusal = gr.State(None)
        self.data = DataPanel(
            form=self.form, blocker=blocker, forecast=self.forecast, store=self._store,
            access=self._access,
        )  # fmt: skip
        self.rewards = RewardsPanel(form=self.form, access=self._access)
        self.file = RunFile(self.presets)

    def _wire_preview(self) -> Any:
        """One event, so that one answer is on its way at a time and none overtakes another.

        `previews` is an event for whoever has filled the form or was refused. Returns the event
        that the form has changed.
        """
        nudge = gr.Textbox(visible="hidden", label="Preview")
        # A form that is filled tells of each field, and Gradio 6.31 would ask as many times at
        # once: it knows that one is on its way only when it has read all that it sends.
        self.previews: dict[str, Any] = {
            "fn": None, "outputs": [nudge], "js": "() => window.smolfactory.soon()",
        }  # fmt: skip
        gr.on(self.form.edits(), **self.previews)
        gr.on(
            nudge.change,
            self.preview,
            [self.refusal, self.data.facts],
            [
                self.summary,
                self.forecast,
                self.file.yaml,
                self.file.command,
                self.problems,
                self.form.components["output__name"],
            ],
            inputs_kwargs=self.form.components,
            # The values as they were typed: pydantic says better than Gradio what is wrong.
            preprocess=False,
            queue=False,
            trigger_mode="always_last",
            api_name="preview",
            **NO_PROGRESS,
        )
        return nudge.change


def new_submission() -> str:
    return uuid.uuid4().hex


class _Reporting(Generic[T]):
    """Work that runs in a thread and reports how far it is."""

    def __init__(self, work: Callable[[Callable[[str], None]], T]) -> None:
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with_one = ThreadPoolExecutor(max_workers=1)
        self._future = with_one.submit(work, self._said.put)
        self._future.add_done_callback(lambda _: self._said.put(None))
        with_one.shutdown(wait=False)

    def reports(self) -> Iterator[str]:
        while (text := self._said.get()) is not None:
            yield text

    def result(self) -> T:
        """What the work returned. Raises what it raised."""
        return self._future.result()
