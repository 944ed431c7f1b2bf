"""The rewards of a method that writes: which there are, and what they give for an answer."""

import re
from typing import Any

import gradio as gr

from core.config.methods import METHODS
from core.config.methods.writing import WritingSettings
from core.config.rewards import REWARDS
from core.config.rewards.trial import try_rewards
from core.errors import UserError
from interface.access.roles import Access, in_plain_words
from interface.display import problems
from interface.display.live import QUIET, column_visible
from interface.display.render import render
from interface.train import forecast_view
from interface.train.form import Form

# A line of its own between two answers.
BETWEEN = re.compile(r"^-{3,}$", re.MULTILINE)
MAX_ANSWERS, MAX_CHARACTERS = 20, 20_000
CARD = ("card", "rewards")


class RewardsPanel:
    """Builds the panel where it is made, inside a gr.Blocks."""

    def __init__(self, *, form: Form, access: Access) -> None:
        self._form = form
        self._access = access
        with gr.Column(elem_classes=[*CARD, "away"], elem_id="rewards-panel") as self._card:
            gr.HTML(render("train/rewards_intro.html", rewards=REWARDS))
            self._menu = gr.Dropdown(
                list(REWARDS), value=None, label="Add a reward", elem_id="rewards-add",
                elem_classes=["field"], info="Adds a line to Rewards, which you can edit there.",
            )  # fmt: skip
            self._answers = gr.Textbox(
                label="Answers to try", lines=3, max_lines=12, max_length=MAX_CHARACTERS,
                elem_id="rewards-answers", elem_classes=["field"],
                info="What the model might answer. Separate answers with a line of ---.",
            )  # fmt: skip
            self._reference = gr.Textbox(
                label="Reference answer", max_lines=3, max_length=MAX_CHARACTERS,
                elem_id="rewards-reference", elem_classes=["field"],
                info="If empty, the first row's.",
            )  # fmt: skip
            self._try = gr.Button("Try the rewards", size="sm", elem_id="rewards-try")
            self._tried = gr.HTML("", elem_id="rewards-tried")

    def wire(self, facts: gr.State) -> None:
        """`facts` is what is known of the data, its first reference answer among them."""
        parts = self._form.components
        method, rewards = parts["method__name"], parts["method__rewards"]
        chosen: Any = method
        chosen.change(_shown, [method], [self._card], preprocess=False, **QUIET)
        self._menu.input(_added, [self._menu, rewards], [rewards, self._menu], **QUIET)
        self._try.click(
            self._score,
            [self._answers, self._reference, facts],
            [self._tried],
            inputs_kwargs=parts,
            preprocess=False,
            **QUIET,
        )

    def _score(
        self,
        request: gr.Request,
        answers: str | None,
        reference: str | None,
        facts: forecast_view.Facts | None,
        **values: Any,
    ) -> str:
        with in_plain_words():
            self._access.require(request)
        try:
            method = self._form.parse(values).method
        except UserError as error:
            return problems.listed(error)
        if not isinstance(method, WritingSettings):
            return ""
        texts = [text.strip("\n") for text in BETWEEN.split((answers or "")[:MAX_CHARACTERS])]
        compared = (reference or "")[:MAX_CHARACTERS] or (facts.reference if facts else "")
        trial = try_rewards(
            method.rewards,
            answers=[text for text in texts if text.strip()][:MAX_ANSWERS],
            reference=compared,
        )
        return render("train/rewards_tried.html", trial=trial, reference=compared)


def _shown(method: str) -> dict[str, Any]:
    return column_visible(method in METHODS and METHODS[method].generates, *CARD)


def _added(name: str | None, rewards: str) -> tuple[Any, None]:
    """The rewards with one more line; the menu is empty again."""
    if name not in REWARDS:
        return gr.skip(), None
    return "\n".join(filter(None, [rewards.rstrip(), REWARDS[name].example()])), None
