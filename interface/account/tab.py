"""The Account tab: whose token this is and what it may do, and the Space that we run on."""

import time
from typing import Any

import gradio as gr
from pydantic import SecretStr

from core.errors import UserError
from core.hub import spaces
from core.hub.account import Account, account
from core.hub.client import hub_endpoint, is_default_hub
from core.hub.lacks import told_lacks
from core.hub.spaces import Hardware
from core.jobs.pause import is_at_risk
from core.runs.store import RunStore
from core.settings import Settings
from interface.access.roles import Access, Role, in_plain_words
from interface.account.checklist import checks
from interface.display import machine, messages, problems, words
from interface.display.live import AWAY, column_visible, visible
from interface.display.render import render

OWNERS = (Role.OWNER, Role.MEMBER)


class AccountTab:
    """Builds the tab where it is made, inside a gr.Blocks."""

    def __init__(self, *, settings: Settings, store: RunStore, access: Access) -> None:
        self._settings = settings
        self._store = store
        self._access = access
        self._since = time.time()
        with gr.Row(elem_classes=["runs"]):
            with gr.Column(scale=1, min_width=320, elem_classes=["card"]):
                gr.HTML("<h2>Your token</h2>")
                self._account = gr.HTML("", elem_id="account")
                with gr.Row(elem_classes=["buttons"]):
                    self._test = gr.Button(
                        "Test it now", visible="hidden", size="sm", elem_id="test-token"
                    )
            with gr.Column(scale=1, min_width=320, elem_classes=["card", AWAY]) as self._space:
                self._build_space()
        self._test.click(self._test_token, outputs=[self._account], api_name="test_token")
        self._request.click(
            self._request_hardware,
            [self._hardware],
            [self._problem, self._running],
            # Which choices there are is the Hub's to say.
            preprocess=False,
            api_name="request_hardware",
        )

    def wire(self, tab: gr.Tab) -> None:
        """Have the tab look when it is opened."""
        shown: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
        tab.select(self._show_account, outputs=[self._account, self._test], **shown)
        tab.select(
            self._show_space,
            outputs=[self._space, self._checks, self._running, self._choosing, self._hardware],
            **shown,
        )

    def _build_space(self) -> None:
        gr.HTML("<h2>This Space</h2>")
        self._checks = gr.HTML("", elem_id="checklist")
        self._running = gr.HTML("", elem_id="space-running")
        with gr.Column(elem_classes=[AWAY]) as self._choosing:
            self._hardware = gr.Dropdown([], label="Hardware", elem_id="space-hardware")
            self._problem = gr.HTML("", elem_id="space-problem")
            with gr.Row(elem_classes=["buttons"]):
                self._request = gr.Button("Request it", size="sm", elem_id="request-hardware")

    def _show_account(self, request: gr.Request) -> tuple[str, Any]:
        has_token = self._token(request) is not None
        return self._describe(request, fresh=False), gr.update(visible=visible(has_token))

    def _test_token(self, request: gr.Request) -> str:
        return self._describe(request, fresh=True)

    def _token(self, request: gr.Request) -> SecretStr | None:
        return self._access.token(request) or self._access.own_token(request)

    def _describe(self, request: gr.Request, *, fresh: bool) -> str:
        """In words: whose the token is, what it may do, when it ends, and on which Hub."""
        whose = self._whose(request, fresh=fresh)
        # What the Hub lacks may have been found out just now.
        address, is_default = hub_endpoint(), is_default_hub()
        return whose + render(
            "account/hub.html", address=address, is_default=is_default, lacks=told_lacks()
        )  # fmt: skip

    def _whose(self, request: gr.Request, *, fresh: bool) -> str:
        person = self._access.person(request)
        token = self._token(request)
        if token is None:
            is_local = person.role is Role.LOCAL
            return render("account/no_token.html" if is_local else "account/signed_out.html")
        try:
            found = account(token, fresh=fresh)
        except UserError as error:
            return problems.listed(error)
        ends = None if token == self._settings.token else person.token_ends
        return _account(found, ends=ends, is_tested=fresh)

    def _show_space(self, request: gr.Request) -> list[Any]:
        space = self._settings.space
        if space is None or self._access.person(request).role not in OWNERS:
            return [column_visible(False, "card"), "", "", column_visible(False), gr.skip()]
        token = self._access.token(request)
        try:
            look = spaces.look(space.id, token=token)
            choices = spaces.hardware_choices()
            known = account(token) if token else None
        except UserError as error:
            told = problems.listed(error)
            return [column_visible(True, "card"), told, "", column_visible(False), gr.skip()]
        runs = list(self._store.readable())
        device = machine.now()[0]
        listed = checks(
            look,
            account=known,
            has_own_token=self._settings.token is not None,
            gpu=device.name if device.kind == "cuda" else None,
            statuses=[status for _, status in runs],
            at_risk=[status.name for run, status in runs if is_at_risk(run)],
        )
        return [
            column_visible(True, "card"),
            render("account/checklist.html", checks=list(listed)),
            self._price(look.hardware, choices),
            column_visible(True),
            gr.update(choices=[(words.hardware(each), each.name) for each in choices],
                      value=look.requested or look.hardware),
        ]  # fmt: skip

    def _request_hardware(self, request: gr.Request, name: str) -> tuple[str, str]:
        with in_plain_words():
            self._access.require_owner(request)
        space = self._settings.space
        if space is None:
            return problems.listed(UserError("This is not a Space.")), ""
        try:
            spaces.request_hardware(space.id, name, token=self._access.token(request))
        except UserError as error:
            return problems.listed(error), ""
        return "", messages.note("Requested: the Space restarts on it in a minute or two.")

    def _price(self, name: str | None, choices: list[Hardware]) -> str:
        found = next((each for each in choices if each.name == name), None)
        if found is None:
            return ""
        seconds = time.time() - self._since
        spent = found.price * seconds / 3600
        return render("account/price.html", hardware=found, seconds=seconds, spent=spent)


def _account(found: Account, *, ends: float | None, is_tested: bool) -> str:
    """An account in words. `ends` is when its sign-in does, in seconds since 1970."""
    return render(
        "account/account.html",
        account=found,
        ends_in=None if ends is None else ends - time.time(),
        writable=sorted(found.writable),
        unsure=sorted(found.unsure),
        only_readable=sorted(set(found.organizations) - found.may_try),
        is_tested=is_tested,
    )
