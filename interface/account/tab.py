"""The Account tab: whose token this is and what it may do, and the Space that we run on."""

import time
from html import escape
from typing import Any

import gradio as gr

from core.errors import UserError
from core.hub import spaces
from core.hub.account import Account, account
from core.hub.spaces import Hardware
from core.jobs.pause import is_at_risk
from core.runs.store import RunStore
from core.settings import Settings
from interface.access.roles import Access, Person, Role, in_plain_words
from interface.account.checklist import Check, checks
from interface.display import machine, problems, words
from interface.display.live import AWAY, column_visible

WITHOUT = (
    "<p>No token. Public models and data need none.</p>"
    '<p class="muted">To push results or use gated models, run <code>hf auth login</code>, or set'
    " HF_TOKEN, and start SmolFactory again.</p>"
)
SIGNED_OUT = (
    "<p>Nobody is signed in.</p>"
    '<p class="muted">Sign in with Hugging Face, at the top of the page.</p>'
)
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
                    self._test = gr.Button("Test it now", size="sm", elem_id="test-token")
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
        tab.select(self._show_account, outputs=[self._account], **shown)
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

    def _show_account(self, request: gr.Request) -> str:
        return self._describe(request, fresh=False)

    def _test_token(self, request: gr.Request) -> str:
        return self._describe(request, fresh=True)

    def _describe(self, request: gr.Request, *, fresh: bool) -> str:
        """In words: whose the token is, what it may do, when it ends."""
        person = self._access.person(request)
        token = self._access.token(request) or self._access.own_token(request)
        if token is None:
            return WITHOUT if person.role is Role.LOCAL else SIGNED_OUT
        try:
            found = account(token, fresh=fresh)
        except UserError as error:
            return problems.listed(error)
        is_own = token == self._settings.token
        tested = '<p class="good">Tested just now: the Hub accepts it.</p>' if fresh else ""
        return _account(found, person=person, is_own=is_own) + tested

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
            _checklist(list(listed)),
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
        return "", '<p class="note">Requested: the Space restarts on it in a minute or two.</p>'

    def _price(self, name: str | None, choices: list[Hardware]) -> str:
        found = next((each for each in choices if each.name == name), None)
        if found is None:
            return ""
        hours = (time.time() - self._since) / 3600
        if found.price == 0:
            return f"<p>Runs on <b>{escape(found.label)}</b>, which costs nothing.</p>"
        return (
            f"<p>Runs on <b>{escape(found.label)}</b> at <b>${found.price:.2f} an hour</b>: about"
            f" ${hours * found.price:.2f} since it started {words.duration(3600 * hours)} ago.</p>"
        )


def _account(found: Account, *, person: Person, is_own: bool) -> str:
    what = f"a {found.kind} token" + (f" called {found.label}" if found.label else "")
    if person.token_ends is not None and not is_own:
        left = words.duration(person.token_ends - time.time())
        what, ends = "a sign-in on this Space", f"It ends in {left}."
    else:
        ends = "The Hub does not say when it ends."
    whose = f"<p>Signed in as <b>{escape(found.name)}</b>, with {escape(what)}. {ends}</p>"
    if found.writable:
        places = ", ".join(sorted(found.writable))
        rights = f"<p>May push to <b>{escape(places)}</b>.</p>"
    else:
        rights = "<p>May read, and push nowhere: make one with write access to push.</p>"
    if found.kind == "sign-in":
        rights += (
            '<p class="muted">As agreed at the sign-in it touches only repositories that'
            " SmolFactory made.</p>"
        )
    only_read = sorted(set(found.organizations) - found.writable)
    if only_read:
        rights += f'<p class="muted">Not to {escape(", ".join(only_read))}.</p>'
    return whose + rights


def _checklist(listed: list[Check]) -> str:
    items = "".join(
        f'<li class="{"done" if check.done else "open"}"><b>{escape(check.title)}</b>'
        f" <span>{escape(check.text)}</span></li>"
        for check in listed
    )
    return f'<ul class="checklist">{items}</ul>'
