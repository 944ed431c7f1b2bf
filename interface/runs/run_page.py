"""The page of one run: its parts, and what each of them should show."""

from typing import Any

import gradio as gr

from interface.display.live import AWAY, visible
from interface.runs import outcome, run_view
from interface.runs.push_card import PushCard
from interface.runs.snapshots import Snapshot

FIRST_TAB = "curves"


class RunPage:
    """Builds the page where it is made, inside a gr.Blocks. `outputs` are what `view` describes."""

    def __init__(self) -> None:
        with gr.Column(elem_classes=["card"]):
            self.head = gr.HTML("", elem_id="run-head")
            self.device = gr.HTML("", elem_id="run-device")
            self.failure = gr.HTML(
                "", elem_id="run-failure",
                js_on_load="window.smolfactory.chooseFixes(element, () => trigger('select'))",
            )  # fmt: skip
            self.retry_said = gr.HTML("", elem_id="retry-said")
            self._build_buttons()
        self.push_card = PushCard()
        self._build_tabs()
        self.outputs: dict[str, Any] = {
            "head": self.head,
            "device": self.device,
            "failure": self.failure,
            "stop": self.stop,
            "cancel": self.cancel,
            "cancel_words": self.cancel_words,
            "resume": self.resume,
            **self.push_card.outputs,
            "curves": self.curves,
            "samples": self.samples,
            "log": self.log,
            "settings": self.settings,
            "use": self.use,
        }

    def view(self, snapshot: Snapshot, *, account: str | None, signed_in: bool) -> dict[str, Any]:
        buttons = run_view.buttons(snapshot)
        return {
            "head": run_view.head(snapshot),
            "device": run_view.device(snapshot),
            "failure": run_view.failure(snapshot),
            "stop": gr.update(visible=visible(buttons.stop)),
            "cancel": gr.update(visible=visible(buttons.cancel)),
            "cancel_words": run_view.cancel_words(snapshot),
            "resume": gr.update(visible=visible(buttons.resume), value=buttons.resume or "Resume"),
            **self.push_card.view(snapshot, account=account, signed_in=signed_in),
            "curves": snapshot.curves,
            "samples": outcome.samples(snapshot),
            "log": snapshot.log,
            "settings": snapshot.settings,
            "use": outcome.use(snapshot),
        }

    def _build_buttons(self) -> None:
        with gr.Row(elem_classes=["buttons"]):
            self.stop = gr.Button("Stop and save", visible="hidden", elem_id="stop", size="sm")
            self.cancel = gr.Button("Cancel…", visible="hidden", elem_id="cancel", size="sm")
            self.resume = gr.Button(
                "Resume", variant="primary", visible="hidden", elem_id="resume", size="sm"
            )
            self.reuse = gr.Button("New run from these settings", elem_id="reuse", size="sm")
        with gr.Column(elem_classes=["confirm", AWAY]) as self.confirm:
            self.cancel_words = gr.HTML("")
            with gr.Row(elem_classes=["buttons"]):
                self.cancel_now = gr.Button(
                    "Cancel the run", variant="stop", elem_id="cancel-now", size="sm"
                )
                self.go_back = gr.Button("Go back", elem_id="go-back", size="sm")

    def _build_tabs(self) -> None:
        with gr.Tabs(elem_classes=["card", "run-tabs"]) as self.tabs:
            with gr.Tab("Curves", id=FIRST_TAB):
                self.curves = gr.HTML(
                    "", elem_id="curves", js_on_load="window.smolfactory.followPointer(element)"
                )
            with gr.Tab("Samples"):
                self.samples = gr.HTML("", elem_id="samples")
            with gr.Tab("Log") as log_tab:
                self.log = gr.Textbox(
                    placeholder="Nothing has been logged yet.",
                    lines=22,
                    max_lines=22,
                    autoscroll=True,
                    interactive=False,
                    show_label=False,
                    buttons=["copy"],
                    elem_id="log",
                )
            with gr.Tab("Settings"):
                self.settings = gr.Code(
                    language="yaml",
                    interactive=False,
                    show_label=False,
                    buttons=["copy"],
                    elem_id="settings",
                )
            with gr.Tab("Use it"):
                self.use = gr.Code(
                    language="python",
                    interactive=False,
                    show_label=False,
                    buttons=["copy"],
                    elem_id="use",
                )
        # Its newest line is what somebody who opens the log looks for.
        log_tab.select(fn=None, js="() => window.smolfactory.showEnd('log')")
