"""What those are told who may not train on this Space: how to get one of their own."""

import time
from typing import Any

import gradio as gr

from core.errors import UserError
from core.hub import spaces
from core.hub.client import hub_endpoint
from core.hub.spaces import Hardware
from core.settings import Space
from interface.access.roles import Access, in_plain_words
from interface.display import problems, words
from interface.display.live import AWAY, QUIET, column_visible, visible
from interface.display.render import render

PRICES_BELIEVED_SECONDS = 3600.0


class Gate:
    """Builds the card where it is made, inside a gr.Blocks. `look` is to run as the page opens."""

    def __init__(self, *, space: Space | None, access: Access) -> None:
        self._space = space
        self._access = access
        self._asked = float("-inf")
        self._prices: list[str] = []
        with gr.Column(elem_classes=["card", "gate", AWAY], elem_id="gate") as self._column:
            self._words = gr.HTML(self._text())
            if space is not None:
                self._build(space)
        self.look: dict[str, Any] = {"fn": self._tell_prices, "outputs": [self._words], **QUIET}

    @property
    def outputs(self) -> list[Any]:
        """What `shown` describes."""
        return [self._column] if self._space is None else [self._column, self._link, self._button]

    def shown(self, request: gr.Request) -> list[Any]:
        """The card for those who may not act, with the button that suits them."""
        column = column_visible(not self._access.may_act(request), "card", "gate")
        if self._space is None:
            return [column]
        signed_in = self._access.own_token(request) is not None
        return [
            column,
            gr.update(visible=visible(not signed_in)),
            gr.update(visible=visible(signed_in)),
        ]

    def _build(self, space: Space) -> None:
        with gr.Row(elem_classes=["buttons"]):
            # One of the two: who is not signed in here makes the copy on the Hub's own page.
            self._link = gr.Button(
                "Duplicate this Space",
                variant="primary",
                size="md",
                link=f"{hub_endpoint()}/spaces/{space.id}?duplicate=true",
                link_target="_blank",
                elem_id="duplicate",
            )
            self._button = gr.Button(
                "Duplicate this Space",
                variant="primary",
                size="md",
                visible="hidden",
                elem_id="duplicate-now",
            )
        told = gr.HTML("", elem_id="duplicated")
        self._button.click(self._duplicate, outputs=[told], api_name="duplicate")

    def _tell_prices(self, request: gr.Request) -> Any:
        """For those who may want a Space of their own. The Hub is asked once an hour."""
        if self._access.may_act(request):
            return gr.skip()
        if time.monotonic() - self._asked > PRICES_BELIEVED_SECONDS:
            self._asked = time.monotonic()
            try:
                self._prices = _prices(spaces.hardware_choices())
            except UserError:
                # The Hub tells them as well, where one duplicates.
                self._prices = []
        return self._text()

    def _text(self) -> str:
        if self._space is None:
            return ""
        owner = self._space.owner
        return render("account/visitor_card.html", owner=owner, prices=self._prices)

    def _duplicate(self, request: gr.Request) -> str:
        with in_plain_words():
            token = self._access.own_token(request)
            if self._space is None or token is None:
                raise UserError("Nobody is signed in.", hint="Sign in first, or use the link.")
        try:
            address = spaces.duplicate(self._space.id, token=token)
        except UserError as error:
            return problems.listed(error)
        return render("account/duplicated.html", address=address)


def _prices(choices: list[Hardware]) -> list[str]:
    """What the GPUs cost, from the cheapest to the dearest."""
    return [words.hardware(choice) for choice in choices if choice.price and choice.accelerator]
