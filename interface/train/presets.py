"""Presets in the form: choose one, see what it sets, save one's own."""

from typing import Any

import gradio as gr

from core.config.presets import (
    Preset,
    delete_preset,
    own_presets,
    save_preset,
    shipped_presets,
)
from core.errors import UserError
from core.runs.store import RunStore
from interface.access.roles import Access, in_plain_words
from interface.display import messages, problems
from interface.display.live import HOLDS, QUIET
from interface.display.render import render
from interface.train import fields
from interface.train.form import Form

NONE = ("None", "")
# Names of files may be the same as those of shipped ones.
OWN = "own/"


class Presets:
    """Builds the menu where it is made, inside a gr.Blocks."""

    def __init__(self, *, store: RunStore, access: Access) -> None:
        self._home = store.home
        self._access = access
        with gr.Column(elem_classes=["card", "presets"]):
            self._menu = gr.Dropdown(
                self._choices(), value="", label="Preset", elem_id="preset", elem_classes=["field"],
                info="Optional: settings that are known to work together.",
            )  # fmt: skip
            self._about = gr.HTML("", elem_id="preset-about")
            # What the form had before a preset was chosen, by the names of its fields.
            self._before = gr.State(None)
            self._delete = gr.Button(
                "Delete this preset", size="sm", visible=False, elem_id="preset-delete"
            )

    def build_saving(self) -> None:
        """The part that saves the form's settings, inside a gr.Blocks."""
        with gr.Row(elem_classes=["buttons"], elem_id="preset-saving"):
            self._title = gr.Textbox(
                label="Preset name", placeholder="Name for a preset", show_label=False,
                container=False, max_length=200, max_lines=1, elem_id="preset-title",
            )  # fmt: skip
            self._save = gr.Button("Save as preset", size="sm", elem_id="preset-save")
        self._saved = gr.HTML("", elem_id="preset-saved")

    def wire(self, form: Form) -> Any:
        """Returns the event that has filled the form, for whoever follows it."""
        self._form = form
        filled = self._menu.input(
            self._choose,
            [self._menu, self._before],
            [self._about, self._delete, self._before, *form.components.values()],
            inputs_kwargs=form.components,
            js=HOLDS,
            preprocess=False,
            trigger_mode="always_last",
            **QUIET,
        )
        self._save.click(
            self._save_own,
            [self._title],
            [self._saved, self._menu],
            inputs_kwargs=form.components,
            preprocess=False,
            **QUIET,
        )
        self._delete.click(
            self._delete_own, [self._menu], [self._menu, self._about, self._delete], **QUIET
        )
        # Saved presets are this installation's: all who may act share them, and no visitor sees
        # any. Who somebody is, is known when the page is open.
        self.offers: dict[str, Any] = {"fn": self._offer, "outputs": [self._menu]}
        return filled

    def _choose(
        self,
        request: gr.Request,
        chosen: str | None,
        before: dict[str, Any] | None,
        **values: Any,
    ) -> list[Any]:
        before = before or {}
        preset = self._found(chosen, with_own=self._access.may_act(request))
        if preset is None:
            return ["", gr.update(visible=False), None, *self._form.put_back(before, values)]
        names = [fields.component_name(setting) for setting in preset.decides()]
        about = render("train/preset.html", preset=preset, settings=_shown(preset))
        return [
            about,
            gr.update(visible=preset.is_own),
            {name: values[name] for name in names} | before,
            *self._form.put(preset.config, names, values),
        ]

    def _save_own(self, request: gr.Request, title: str | None, **values: Any) -> tuple[Any, Any]:
        with in_plain_words():
            self._access.require(request)
        try:
            preset = save_preset(self._form.parse(values), title=title or "", home=self._home)
        except UserError as error:
            return problems.listed(error), gr.skip()
        saved = messages.note(f"Saved the preset {preset.title}.")
        return saved, gr.update(choices=self._choices(with_own=True))

    def _delete_own(self, request: gr.Request, chosen: str | None) -> tuple[Any, Any, Any]:
        with in_plain_words():
            self._access.require(request)
        delete_preset(str(chosen or "").removeprefix(OWN), home=self._home)
        menu = gr.update(choices=self._choices(with_own=True), value="")
        return menu, "", gr.update(visible=False)

    def _offer(self, request: gr.Request) -> Any:
        return gr.update(choices=self._choices(with_own=self._access.may_act(request)))

    def _choices(self, *, with_own: bool = False) -> list[tuple[str, str]]:
        shipped = [(preset.title, preset.name) for preset in shipped_presets()]
        own = own_presets(self._home) if with_own else []
        return [NONE, *((preset.title, f"{OWN}{preset.name}") for preset in own), *shipped]

    def _found(self, chosen: str | None, *, with_own: bool) -> Preset | None:
        offered = {preset.name: preset for preset in shipped_presets()}
        if with_own:
            offered |= {f"{OWN}{preset.name}": preset for preset in own_presets(self._home)}
        return offered.get(str(chosen or ""))


def _shown(preset: Preset) -> list[tuple[str, str]]:
    """What it states, as the form calls it."""
    return [
        (setting.label, fields.shown(setting, setting.value(preset.config)))
        for setting in preset.stated()
    ]
