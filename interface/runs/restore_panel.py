"""Runs that are on the Hub and not on this machine: found as the page opens, to be restored."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.checkpoint_sync.restorable import (
    Restorable,
    RestorableRun,
    restorable_run,
    restorable_runs,
)
from core.checkpoint_sync.restore import restore
from core.errors import UserError
from core.jobs import launcher
from core.runs.store import RunStore
from interface.access.roles import Access, in_plain_words
from interface.display import messages, problems, words
from interface.display.live import AWAY, NO_PROGRESS, QUIET, column_visible
from interface.display.render import render


class RestorePanel:
    """Builds the card where it is made, inside a gr.Blocks. `look` is to run as the page opens."""

    def __init__(self, *, store: RunStore, access: Access) -> None:
        self._store = store
        self._access = access
        with gr.Column(elem_classes=["card", AWAY], elem_id="restore-panel") as self._column:
            gr.HTML(render("runs/restore.html"))
            self._choice = gr.Radio(
                [], show_label=False, container=False, elem_id="restorable-runs"
            )
            with gr.Row(elem_classes=["buttons"]):
                self._resume = gr.Button(
                    "Restore and resume", variant="primary", size="sm", elem_id="restore"
                )
            self._incomplete = gr.HTML("", elem_id="restore-incomplete")
            self._told = gr.HTML("", elem_id="restore-problem")
        self.look: dict[str, Any] = {
            "fn": self._look,
            "outputs": [self._column, self._choice, self._incomplete],
            **QUIET,
        }

    def wire(self, *, run_id: gr.Textbox) -> None:
        """`run_id` is told which run came back."""
        self._resume.click(
            self._restore,
            [self._choice],
            [self._told, run_id],
            # Which runs there are is looked up again.
            preprocess=False,
            api_name="restore",
            **NO_PROGRESS,
        ).then(**self.look)

    def _look(self, request: gr.Request) -> tuple[Any, Any, str]:
        try:
            found = self._away(request)
        except UserError:
            # Nobody asked, so nobody is bothered: the Account tab tells what the token can't do.
            found = Restorable([], [])
        choices = [(_words(synced), synced.manifest.run) for synced in found.runs]
        value = choices[0][1] if choices else None
        # Beside what can be restored, that there may be more; alone it would bother as well.
        told = problems.listed(UserError(" ".join(found.problems))) if found.problems else ""
        return column_visible(choices, "card"), gr.update(choices=choices, value=value), told

    def _away(self, request: gr.Request) -> Restorable:
        token = self._access.token(request)
        if token is None:
            return Restorable([], [])
        found = restorable_runs(token)
        away = [synced for synced in found.runs if not self._store.has(synced.manifest.run)]
        return Restorable(away, found.problems)

    def _restore(self, request: gr.Request, run: str | None) -> Iterator[tuple[str, Any]]:
        with in_plain_words():
            self._access.require(request)
        if isinstance(run, str) and self._store.has(run):
            # Another tab was quicker.
            yield problems.NOTHING, run
            return
        yield messages.busy("Downloading its checkpoint…"), gr.skip()
        try:
            token = self._access.token(request)
            if token is None or not isinstance(run, str):
                raise UserError("The Hub has no such run.", hint="Reload the page.")
            synced = restorable_run(run, token)
            by_itself = synced.manifest.auto_resume
            self._access.require_own_account(request, resumes_by_itself=by_itself)
            restored = restore(self._store, synced, token=token)
            launcher.resume(restored, token=token)
        except (UserError, OSError) as error:
            told = error if isinstance(error, UserError) else UserError(f"{error}.")
            yield problems.listed(told), gr.skip()
            return
        yield problems.NOTHING, restored.id


def _words(synced: RestorableRun) -> str:
    about = synced.manifest
    total = f" of {words.count(about.total)}" if about.total else ""
    when = f"{about.state}, {about.updated:%Y-%m-%d %H:%M} UTC"
    return f"{about.name} · step {words.count(about.step)}{total} · {when}"
