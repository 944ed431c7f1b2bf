"""The card that pushes a run's model: where to, as what, and what has been pushed."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from core.config.options import Weights
from core.config.output import OutputSection
from core.config.parse import parse_config
from core.runs.state import RunState
from core.runs.store import Run
from core.settings import sign_in_hint
from interface.display import words
from interface.display.live import AWAY, column_visible, visible
from interface.display.render import render
from interface.runs.snapshots import Snapshot

# The settings whose fields are called otherwise here.
SETTINGS = {"private": "hub_private_repo"}


class PushCard:
    """Builds the card where it is made, inside a gr.Blocks. `outputs` are what `view` describes.

    `labels` are those of its fields, by the paths of their settings.
    """

    def __init__(self) -> None:
        with gr.Column(elem_classes=["card", AWAY], elem_id="push-panel") as self._card:
            gr.HTML("<h2>Push to the Hub</h2>")
            self._said = gr.HTML("", elem_id="push-said")
            self._build_fields()
            self.problem = gr.HTML("", elem_id="push-problem")
            with gr.Row(elem_classes=["buttons"]):
                self.push = gr.Button("Push", variant="primary", elem_id="push", size="sm")
                self.demo = gr.Button(
                    "Make a demo Space", visible="hidden", elem_id="make-demo", size="sm"
                )
        self.labels = {
            f"output.{SETTINGS.get(name, name)}": str(field.label)
            for name, field in self.fields.items()
        }
        # What may be replaced is asked anew of each push, so no run's state sets it.
        lasting = {name: field for name, field in self.fields.items() if name != "replace"}
        self.outputs: dict[str, Any] = {
            "push_panel": self._card,
            "push_said": self._said,
            "push": self.push,
            "demo": self.demo,
            **{f"push_{name}": field for name, field in lasting.items()},
        }

    def view(self, snapshot: Snapshot, *, account: str | None, signed_in: bool) -> dict[str, Any]:
        """`account` is whose token it is, where that is known by now."""
        state, output = snapshot.status.state, snapshot.output
        is_pushing = state is RunState.PUSHING
        may_push = signed_in and not is_pushing
        return {
            "push_panel": column_visible(is_shown(snapshot), "card"),
            "push_said": said(snapshot, signed_in=signed_in),
            "push": gr.update(value=button_words(snapshot), interactive=may_push),
            "demo": gr.update(
                visible=visible(not (snapshot.scores or (snapshot.demo and snapshot.demo.note))),
                interactive=may_push,
            ),
            "push_owner": (output.owner if output else None) or account or "",
            "push_name": (output and output.name) or snapshot.status.name,
            "push_private": output.hub_private_repo if output else True,
            "push_pull_request": output.pull_request if output else False,
            "push_weights": gr.update(
                value=output.weights if output else None,
                visible=visible(snapshot.is_adapter),
            ),
        }

    def _build_fields(self) -> None:
        with gr.Row(elem_classes=["push-fields"]):
            self.fields: dict[str, Any] = {
                "owner": gr.Textbox(
                    label="Owner",
                    placeholder="your own account",
                    max_lines=1,
                    elem_id="push-owner",
                ),
                "name": gr.Textbox(label="Name", max_lines=1, elem_id="push-name"),
                "weights": gr.Dropdown(
                    [(words.choice(each), each) for each in Weights],
                    value=Weights.ADAPTER,
                    label="What to push",
                    elem_id="push-weights",
                ),
            }
        with gr.Row(elem_classes=["push-choices"]):
            self.fields |= {
                "private": gr.Checkbox(label="Private", elem_id="push-private"),
                "pull_request": gr.Checkbox(label="As a pull request", elem_id="push-pull-request"),
                "replace": gr.Checkbox(
                    label="Replace what is in the repository", elem_id="push-replace"
                ),
            }


def is_shown(snapshot: Snapshot) -> bool:
    """Whether there is a model, whatever became of the run since, that may be or is pushed."""
    state = snapshot.status.state
    return snapshot.has_model and (state is RunState.PUSHING or not state.live)


def said(snapshot: Snapshot, *, signed_in: bool) -> str:
    """What has been pushed, and what it takes to push."""
    return render(
        "runs/push.html",
        pushed=snapshot.history.pushed,
        signed_in=signed_in,
        sign_in=sign_in_hint(),
    )


def button_words(snapshot: Snapshot) -> str:
    history, state = snapshot.history, snapshot.status.state
    if state is RunState.PUSHING:
        return "Pushing…"
    is_again = history.pushed or history.push_failure or state is RunState.TRAINED
    return "Push again" if is_again else "Push"


def chosen_output(run: Run, values: Mapping[str, Any]) -> OutputSection:
    """Where the card says to push to. Raises InvalidConfig when that is no such place."""
    nested = run.config().model_dump(mode="json")
    nested["output"] |= {
        "name": (values["name"] or "").strip(),
        "owner": (values["owner"] or "").strip() or None,
        "hub_private_repo": values["private"],
        "pull_request": values["pull_request"],
        "replace": values["replace"],
        "weights": values["weights"],
    }
    return parse_config(nested).output
