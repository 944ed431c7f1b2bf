"""The Runs tab: the list of runs, the page of the one that is selected, and what can be asked."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from core.errors import UserError
from core.jobs import launcher
from core.runs.store import Run, RunStore
from interface.access.accounts import Accounts
from interface.access.roles import Access, in_plain_words
from interface.display import messages, problems
from interface.display.live import AWAY, NO_PROGRESS, column_visible, in_browser, visible
from interface.runs import run_view
from interface.runs.push_card import chosen_output
from interface.runs.restore_panel import RestorePanel
from interface.runs.run_page import FIRST_TAB, RunPage
from interface.runs.snapshots import Snapshots

NO_RUNS = messages.empty(
    "No runs yet", "Press Start on the Train tab: as it stands, it trains the built-in model."
)
NOT_YOURS = messages.empty("Runs are private", "Only the owner of this Space can see them.")
CHOOSE_ONE = messages.empty("Choose a run", "Its curves and log appear here.")
READING = messages.empty("Reading this run…")


class RunsTab:
    """Builds the tab where it is made, inside a gr.Blocks. `outputs` are what `view` describes."""

    def __init__(self, *, store: RunStore, access: Access, accounts: Accounts) -> None:
        self._access = access
        self._accounts = accounts
        self._store = store
        self._snapshots = Snapshots(store, in_reach=not access.on_space)
        with gr.Row(elem_classes=["runs"]):
            beside = ["card", "run-column", "run-list-column"]
            with gr.Column(scale=1, min_width=300, elem_classes=beside):
                gr.HTML("<h2>Runs</h2>")
                self.list = gr.HTML(
                    elem_id="run-list",
                    js_on_load="window.smolfactory.chooseRuns(element, () => trigger('select'))",
                )
                self.restore_panel = RestorePanel(store=store, access=access)
            with gr.Column(scale=3, min_width=320, elem_classes=["run-column"]):
                self._blank = gr.HTML(CHOOSE_ONE, elem_classes=["card"], elem_id="run-blank")
                with gr.Column(elem_classes=[AWAY], elem_id="run-page") as self._column:
                    self.page = RunPage()
        self.outputs: dict[str, Any] = {
            "list": self.list,
            "blank": self._blank,
            "column": self._column,
            **self.page.outputs,
        }

    def view(self, request: gr.Request, run_id: str) -> dict[str, Any]:
        """What each of `outputs` should show now; one that is left out may stay as it is."""
        if not self._access.may_act(request):
            return {"list": "", **_blank(NOT_YOURS)}
        statuses = self._snapshots.statuses()
        listed = {"list": run_view.run_list(statuses, selected=run_id)}
        if not run_id:
            return listed | _blank(CHOOSE_ONE if statuses else NO_RUNS)
        try:
            snapshot = self._snapshots.take(run_id)
        except UserError as error:
            return listed | _blank(problems.listed(error))
        if snapshot is None:
            return listed | _blank(READING)
        token = self._access.token(request)
        account = self._accounts.look(token).name
        shown = {
            "blank": gr.update(visible=visible(False)),
            "column": column_visible(True),
        }
        return (
            listed | shown | self.page.view(snapshot, account=account, signed_in=token is not None)
        )

    def open(self, request: gr.Request, run_id: str) -> Run:
        """The run, for someone who may act on it. Raises UserError otherwise."""
        self._access.require(request)
        return self._store.open(run_id)

    def wire(self, *, run_id: gr.Textbox, refresh: Callable[[Any], None]) -> None:
        """Connect the buttons of the run's page. `refresh` has the page look again after one."""
        page = self.page
        self.restore_panel.wire(run_id=run_id)
        shown, hidden = (column_visible(yes, "confirm") for yes in (True, False))
        for button, act in (
            (page.stop, self._stop),
            (page.cancel_now, self._cancel),
            (page.resume, self._resume),
            (page.push_card.demo, self._make_demo),
        ):
            name = act.__name__.removeprefix("_")
            refresh(button.click(act, [run_id], None, api_name=name, **NO_PROGRESS))
        page.cancel.click(outputs=page.confirm, **in_browser(shown))
        for button in (page.go_back, page.cancel_now):
            button.click(outputs=page.confirm, **in_browser(hidden))
        card = page.push_card
        outcome = [card.problem, card.fields["replace"]]
        told = [page.retry_said, *outcome]
        # What was asked and said of one run is not of the next, whose page opens at its first tab.
        first = gr.update(selected=FIRST_TAB)
        run_id.change(
            outputs=[page.confirm, *told, page.tabs],
            **in_browser(hidden, "", problems.NOTHING, False, first),
        )
        refresh(
            card.push.click(
                self._push,
                [run_id],
                outcome,
                inputs_kwargs=card.fields,
                api_name="push",
                **NO_PROGRESS,
            )
        )

    def _stop(self, request: gr.Request, run_id: str) -> None:
        with in_plain_words():
            launcher.stop(self.open(request, run_id))

    def _cancel(self, request: gr.Request, run_id: str) -> None:
        with in_plain_words():
            launcher.cancel(self.open(request, run_id))

    def _resume(self, request: gr.Request, run_id: str) -> None:
        with in_plain_words():
            run = self.open(request, run_id)
            by_itself = run.config().output.auto_resume
            self._access.require_own_account(request, resumes_by_itself=by_itself)
            launcher.resume(run, token=self._access.token(request))

    def _make_demo(self, request: gr.Request, run_id: str) -> None:
        with in_plain_words():
            run = self.open(request, run_id)
            launcher.make_demo(run, token=self._access.token(request))

    def _push(self, request: gr.Request, run_id: str, **values: Any) -> tuple[str, Any]:
        """Returns what is wrong, and whether the next push may replace what others pushed."""
        with in_plain_words():
            self._access.require(request)
        try:
            run = self.open(request, run_id)
            output = chosen_output(run, values)
            launcher.push(run, token=self._access.token(request), output=output)
        except UserError as error:
            return problems.listed(error, labels=self.page.push_card.labels), gr.skip()
        return problems.NOTHING, False


def _blank(html: str) -> dict[str, Any]:
    return {
        "blank": gr.update(value=html, visible=visible(True)),
        "column": column_visible(False),
    }
