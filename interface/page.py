"""The page: header, tabs, and what ties them together."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.config.proposed_name import for_another_run
from core.errors import UserError
from core.jobs.fixes import fix_with
from core.runs.store import RunStore
from core.settings import Settings, Space
from interface import guide
from interface.access.accounts import Accounts
from interface.access.roles import Access, in_plain_words
from interface.access.upload_totals import UploadTotals
from interface.access.uploads import offered, refuse_foreign_files
from interface.account.tab import AccountTab
from interface.account.visitor_card import Gate
from interface.display import live, machine, messages, problems
from interface.display.live import HOLDS, NO_PROGRESS, QUIET, RELEASES
from interface.display.render import render
from interface.runs.tab import RunsTab
from interface.train.tab import TrainTab, new_submission

TRAIN, RUNS, ACCOUNT, GUIDE = "train", "runs", "account", "guide"
QUEUE_LOOK_SECONDS = 0.05


class Blocks(gr.Blocks):
    """Gradio's page, which takes no files but those that were uploaded to it."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> Any:
        with in_plain_words():
            refuse_foreign_files(inputs)
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)


class Page:
    """The whole page. `blocks` is what is served."""

    def __init__(self, settings: Settings, access: Access, totals: UploadTotals) -> None:
        self._access = access
        self._totals = totals
        self._accounts = Accounts()
        store = RunStore(settings.home)
        with Blocks(title="SmolFactory", analytics_enabled=False) as self.blocks:
            self._header = _build_header(settings.space)
            self._run_id = gr.Textbox(visible="hidden", elem_id="run-id", label="Run")
            self._asked_tab = gr.Textbox(visible="hidden", label="Tab")
            self._submission = gr.Textbox(visible="hidden", label="Submission")
            # Saved by the browser, with what it names.
            self._seen = gr.JSON(visible="hidden", label="Seen")
            self._nudge = gr.Textbox(visible="hidden", label="Nudge")
            with gr.Tabs(elem_id="tabs") as self._tabs:
                with gr.Tab("Train", id=TRAIN):
                    self._gate = Gate(space=settings.space, access=access)
                    self._train = TrainTab(store=store, access=access)
                with gr.Tab("Runs", id=RUNS, render_children=True):
                    self._runs = RunsTab(store=store, access=access, accounts=self._accounts)
                with gr.Tab("Account", id=ACCOUNT, render_children=True) as account:
                    AccountTab(settings=settings, store=store, access=access).wire(account)
                with gr.Tab("Guide", id=GUIDE):
                    guide.build()
            self._live = {"header": self._header, **self._runs.outputs}
            self._wire()
        self.blocks.queue(default_concurrency_limit=8)
        # Gradio looks a thousand times a second for work: 6% of a core, taken from the training.
        self.blocks._queue.sleep_when_free = QUEUE_LOOK_SECONDS
        self.blocks._queue.progress_update_sleep_when_free = 2 * QUEUE_LOOK_SECONDS

    def _wire(self) -> None:
        # One event, so that one answer is on its way at a time and none overtakes another.
        gr.on(
            [gr.Timer(live.TICK_SECONDS).tick, self._run_id.change, self._nudge.change],
            self._tick,
            [self._run_id, self._seen],
            [self._seen, *self._live.values()],
            trigger_mode="always_last",
            **QUIET,
        )
        nudge: dict[str, Any] = {
            "fn": None, "outputs": [self._nudge], "js": "() => String(Date.now())",
        }  # fmt: skip
        self._runs.wire(run_id=self._run_id, refresh=lambda event: event.success(**nudge))
        address = "(id) => window.smolfactory.showAddress(id)"
        self._run_id.change(fn=None, inputs=[self._run_id], js=address)
        self._tabs.select(fn=None, inputs=[self._run_id], js=address)
        self._runs.list.select(
            fn=None, outputs=[self._run_id], js="() => window.smolfactory.chosenRun()"
        )
        self._wire_load(then=nudge)
        self._wire_start()
        self._wire_reuse()
        self._wire_retry()

    def _wire_load(self, *, then: dict[str, Any]) -> None:
        loaded = self.blocks.load(
            self._load,
            [self._run_id, self._asked_tab, self._train.saved.component],
            [
                self._submission,
                self._run_id,
                self._tabs,
                self._train.start_button,
                self._train.status,
                *self._gate.outputs,
                *self._train.form.components.values(),
            ],
            js="() => [...window.smolfactory.askedPlace(), window.smolfactory.savedForm()]",
            **QUIET,
        )
        loaded.then(**RELEASES)
        loaded.then(**then)
        # What somebody may see is known once it is known who they are.
        self._train.look_after(loaded)
        loaded.then(**self._runs.restore_panel.look)
        loaded.then(**self._gate.look)

    def _wire_start(self) -> None:
        train = self._train
        train.start_button.click(
            self._start,
            [self._submission],
            [
                train.status,
                train.problems,
                train.refusal,
                self._submission,
                self._run_id,
                self._tabs,
                train.form.replace,
            ],
            inputs_kwargs=train.form.components,
            preprocess=False,
            api_name="start",
            **NO_PROGRESS,
        ).then(**train.previews)  # One that was on its way knew nothing of a refusal.

    def _wire_reuse(self) -> None:
        filled = self._runs.page.reuse.click(
            self._reuse,
            [self._run_id],
            [self._tabs, self._train.file.load_problem, *self._train.form.components.values()],
            js=HOLDS,
            **QUIET,
        )
        self._train.data.follow(filled)

    def _wire_retry(self) -> None:
        chosen = gr.Textbox(visible="hidden", label="Fix")
        page = self._runs.page
        page.failure.select(
            self._retry,
            [self._run_id, chosen, self._submission],
            [page.retry_said, self._submission, self._run_id],
            js="(run, _, submission) => [run, window.smolfactory.chosenFix(), submission]",
            api_name="retry",
            **NO_PROGRESS,
        )

    def _load(self, request: gr.Request, run_id: str, tab: str, saved: Any) -> tuple[Any, ...]:
        self._access.meet(request)
        may_act = self._access.may_act(request)
        tabs = gr.Tabs(selected=tab) if tab in (RUNS, ACCOUNT, GUIDE) else gr.skip()
        form, lost = self._train.form.restore(saved, may_act=may_act)
        again = f"Choose your files again: {', '.join(lost)}."
        return (
            new_submission(),
            run_id,
            tabs,
            gr.update(interactive=may_act),
            messages.note(again) if lost else "",
            *self._gate.shown(request),
            *form,
        )

    def _tick(self, request: gr.Request, run_id: str, seen: dict[str, str] | None) -> list[Any]:
        token = self._access.token(request) or self._access.own_token(request)
        account = self._accounts.look(token)
        header = render("machine.html", machine=machine.sentence(), account=account.words)
        shown = {"header": header, **self._runs.view(request, run_id)}
        seen, updates = live.changes(seen, shown, outputs=list(self._live))
        return [seen, *updates]

    def _start(
        self, request: gr.Request, submission: str, **values: Any
    ) -> Iterator[tuple[Any, ...]]:
        with in_plain_words():
            for *said, run_id in self._train.start(request, submission, values):
                if run_id is None:
                    yield *said, gr.skip(), gr.skip(), gr.skip(), gr.skip()
                else:
                    # Leave to replace what is in a repository is given for one run.
                    yield *said, new_submission(), run_id, gr.Tabs(selected=RUNS), False

    def _reuse(self, request: gr.Request, run_id: str) -> list[Any]:
        with in_plain_words():
            run = self._runs.open(request, run_id)
            files = {name: offered(path) for name, path in run.files().items()}
            person = self._access.person(request)
            self._totals.has_come(person, [str(path) for path in files.values()])
            filled = self._train.file.filled(for_another_run(run.config()), files=files)
        return [gr.Tabs(selected=TRAIN), *filled]

    def _retry(
        self, request: gr.Request, run_id: str, fix: str, submission: str
    ) -> Iterator[tuple[Any, ...]]:
        """Start a new run in place of one that had trouble, with other settings."""
        with in_plain_words():
            run = self._runs.open(request, run_id)
        try:
            config = fix_with(fix, run).config
            for said in self._train.launch(
                request, submission, config=config, files=run.files()
            ):  # fmt: skip
                if isinstance(said, str):
                    yield messages.busy(said), gr.skip(), gr.skip()
                else:
                    yield "", new_submission(), said.id
        except UserError as error:
            yield problems.listed(error), gr.skip(), gr.skip()


def _build_header(space: Space | None) -> gr.HTML:
    """The top of the page. Returns the part that tells of the machine and the account."""
    with gr.Row(elem_classes=["header"]):
        gr.HTML(render("brand.html"))
        header = gr.HTML("", elem_id="machine")
        if space is not None and space.has_sign_in:
            gr.LoginButton(logout_value="Sign out ({})", size="sm", elem_id="login")
    return header
