"""The form: the settings of a run laid out as fields, and the fields read back as settings."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from core.builtin.datasets import builtin_datasets_for
from core.config.every_setting import Setting, settings_of_a_run
from core.config.parse import parse_config
from core.config.run_config import RunConfig
from interface.access.uploads import is_stored, issued_files
from interface.display.live import QUIET
from interface.train import fields

# Which card holds the basic settings of which sections; the rest lies under Advanced.
CARDS = {
    "Model": ("model",),
    "Data": ("dataset", "columns", "filters"),
    "Training": ("method", "adapter", "training", "schedule", "evaluation", "hardware"),
    "Result": ("output",),
}
UPLOADS = ("dataset__files", "evaluation__files")
METHOD, BUILTIN = "method__name", "dataset__builtin"
REPLACE, RATE = "output__replace", "training__learning_rate"


class Form:
    """Builds the fields where it is made, inside a gr.Blocks; `components` has them by name."""

    def __init__(self) -> None:
        self._settings = {fields.component_name(s): s for s in settings_of_a_run()}
        self._defaults = {name: fields.default(s) for name, s in self._settings.items()}
        built: dict[str, Component] = {}
        for title, sections in CARDS.items():
            with gr.Column(elem_classes=["card"]):
                gr.HTML(f"<h2>{title}</h2>")
                built |= self._fields(sections, basic=True)
        with gr.Accordion(
            "Advanced settings", open=False, elem_id="advanced", elem_classes=["card", "advanced"]
        ):
            self._sections: dict[str, gr.Accordion] = {}
            for section, title in self._advanced_sections():
                with gr.Accordion(
                    title,
                    open=False,
                    visible=self._has_fields(section, self._defaults),
                    elem_id=f"section-{section}",
                    elem_classes=["section"],
                ) as self._sections[section]:
                    built |= self._fields((section,), basic=False)
        self.components = {name: built[name] for name in self._settings}
        self.replace = self.components[REPLACE]
        self._follow_conditions()

    def parse(self, values: Mapping[str, Any]) -> RunConfig:
        """The settings that the fields hold. Raises InvalidConfig, with a message by field."""
        return parse_config(self._nested(values))

    def left_open(self, values: Mapping[str, Any]) -> list[str]:
        """The paths of what nobody chose and a run chooses for itself: its name, its rate."""
        asked = self._nested(values)
        paths = ("output.name", fields.LEARNING_RATE)
        return [p for p in paths if asked[p.partition(".")[0]].get(p.partition(".")[2]) is None]

    def files(self, values: Mapping[str, Any]) -> dict[str, Path]:
        """The person's files by their names, where the settings use any."""
        shown = [name for name in UPLOADS if self._shown(self._settings[name], values)]
        return {file.name: file for name in shown for file in issued_files(values[name])}

    def fill(self, config: RunConfig, files: Mapping[str, Path]) -> list[Any]:
        """Updates that put settings into the fields, in the order of `components`.

        `files` are those of the files that the settings name which are stored as uploads.
        """
        values = self._values_of(config)
        # What is not here any more they choose again.
        for name in UPLOADS:
            here = [files[each] for each in values[name] or () if each in files]
            values[name] = [str(path) for path in here] or None
        return self._updates(values)

    def put(
        self, config: RunConfig, names: Collection[str], values: Mapping[str, Any]
    ) -> list[Any]:
        """Updates that put the settings of these fields into the form as it is, by its values."""
        given = {name: value for name, value in self._values_of(config).items() if name in names}
        merged = {**values, **given}
        offered = builtin_datasets_for(merged[METHOD])
        if merged[BUILTIN] not in offered:
            given[BUILTIN] = merged[BUILTIN] = offered[0]
        return self._put(merged, {*given, BUILTIN})

    def put_back(self, before: Mapping[str, Any], values: Mapping[str, Any]) -> list[Any]:
        """Updates that put back what these fields had, into the form as it is, by its values."""
        return self._put({**values, **before}, before.keys())

    def _put(self, merged: Mapping[str, Any], names: Collection[str]) -> list[Any]:
        """Updates of these fields, none for files among them; which are seen follows from all."""
        updates = self._updates(merged)
        for position, name in enumerate(self._settings):
            if name in UPLOADS or name not in names:
                updates[position] = gr.update(visible=updates[position]["visible"])
        return updates

    def restore(self, saved: Any, *, may_act: bool) -> tuple[list[Any], list[str]]:
        """Updates that put back what a browser saved of the form, if it did.

        And the names of the files in it that are not here any more, or not for this person.
        """
        if not isinstance(saved, dict):
            return [gr.skip()] * len(self._settings), []
        known = {name: saved[name] for name in self.saved_names() if name in saved}
        lost: list[str] = []
        for name in UPLOADS:
            paths = known[name] if isinstance(known.get(name), list) else []
            here = [path for path in paths if may_act and is_stored(path)]
            lost += [Path(str(path)).name for path in paths if path not in here]
            known[name] = here or None
        return self._updates(self._defaults | known), lost

    def saved_names(self) -> list[str]:
        """The names of the fields that a browser saves; a leave is given for one run alone."""
        return [name for name in self._settings if name != REPLACE]

    def changes(self, sections: tuple[str, ...]) -> list[Any]:
        """The events that tell of another value in these sections: a text's when it is left."""
        changed = []
        for name, setting in self._settings.items():
            component = self.components[name]
            if setting.section not in sections:
                continue
            if isinstance(component, gr.Textbox):
                changed += [component.blur, component.submit]
            else:
                changed += _edits(component)
        return changed

    def edits(self) -> list[Any]:
        """The events that tell of any other value. Who fills the form says so besides."""
        return [event for component in self.components.values() for event in _edits(component)]

    def value(self, path: str, values: Mapping[str, Any]) -> Any:
        """What is in the field of the setting with this path."""
        return values[path.replace(".", "__", 1)]

    def menus(self) -> dict[str, Component]:
        """The fields to choose in from what the data has, by the paths of their settings."""
        return {
            setting.path: self.components[name]
            for name, setting in self._settings.items()
            if fields.is_menu_of_the_data(setting)
        }

    def label(self, path: str) -> str:
        """What a person calls the setting with this path; the path itself when it is none."""
        setting = self._settings.get(path.replace(".", "__", 1))
        return setting.label if setting else path

    def fold(self, path: str) -> str:
        """The id of the closed part of the page that holds this setting, "" where it is in view."""
        setting = self._settings.get(path.replace(".", "__", 1))
        return "" if setting is None or setting.basic else f"section-{setting.section}"

    def _fields(self, sections: tuple[str, ...], *, basic: bool) -> dict[str, Component]:
        return {
            name: fields.build(setting, visible=self._shown(setting, self._defaults))
            for section in sections
            for name, setting in self._settings.items()
            if setting.section == section and setting.basic == basic
        }

    def _advanced_sections(self) -> Iterator[tuple[str, str]]:
        for section, field in RunConfig.model_fields.items():
            if self._advanced(section):
                yield section, str(field.title)

    def _nested(self, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        nested: dict[str, dict[str, Any]] = {}
        for setting in self._settings.values():
            # What isn't shown isn't asked: it has its default, whatever was typed before.
            if not self._shown(setting, values):
                continue
            value = self._value(setting, values)
            if value is not None or setting.path != fields.LEARNING_RATE:
                nested.setdefault(setting.section, {})[setting.name] = value
        return nested

    def _values_of(self, config: RunConfig) -> dict[str, Any]:
        """What the fields hold for these settings, but for the person's files."""
        nested = config.model_dump(mode="json")
        # What a run has no use for, such as another method's settings, shows its default.
        values = {
            name: nested[setting.section].get(setting.name, self._defaults[name])
            for name, setting in self._settings.items()
        }
        for name, setting in self._settings.items():
            if fields.is_lines(setting):
                values[name] = fields.lines(setting.value(config))
        if config.training.learning_rate == config.default_learning_rate:
            # It follows the method, if another is chosen.
            values[RATE] = None
        return values

    def _updates(self, values: Mapping[str, Any]) -> list[Any]:
        offered = dict.fromkeys([*builtin_datasets_for(values[METHOD]), values[BUILTIN]])
        choices: dict[str, dict[str, Any]] = {
            BUILTIN: {"choices": fields.named(offered)},
            METHOD: {"info": fields.about(values[METHOD])},
        }
        return [
            gr.update(
                value=values[name], visible=self._shown(setting, values), **choices.get(name, {})
            )
            for name, setting in self._settings.items()
        ]

    def _value(self, setting: Setting, values: Mapping[str, Any]) -> Any:
        name = fields.component_name(setting)
        value = values[name]
        if name in UPLOADS:
            return [file.name for file in issued_files(value)]
        if fields.is_lines(setting):
            return [line for line in str(value or "").splitlines() if line.strip()]
        if isinstance(value, str):
            value = value.strip()
        return None if fields.default(setting) is None and value == "" else value

    def _shown(self, setting: Setting, values: Mapping[str, Any]) -> bool:
        return all(
            values[path.replace(".", "__", 1)] in allowed
            for path, allowed in setting.shown_when.items()
        )

    def _has_fields(self, section: str, values: Mapping[str, Any]) -> bool:
        """Whether a section under Advanced has any field to show."""
        return any(self._shown(setting, values) for setting in self._advanced(section))

    def _advanced(self, section: str) -> list[Setting]:
        return [s for s in self._settings.values() if s.section == section and not s.basic]

    def _follow_conditions(self) -> None:
        """Show and hide fields, and sections of them, as the settings they depend on change."""
        for path in sorted({p for s in self._settings.values() for p in s.shown_when}):
            follow = [n for n, s in self._settings.items() if path in s.shown_when]
            sections = {self._settings[name].section for name in follow} & self._sections.keys()
            self.components[path.replace(".", "__", 1)].change(
                self._visibility(follow, sorted(sections)),
                inputs_kwargs=self._controllers(follow, sorted(sections)),
                outputs=[self.components[name] for name in follow]
                + [self._sections[section] for section in sorted(sections)],
                **QUIET,
            )

    def _controllers(self, names: list[str], sections: list[str]) -> dict[str, Component]:
        settings = [self._settings[name] for name in names]
        settings += [setting for section in sections for setting in self._advanced(section)]
        asked = {path.replace(".", "__", 1) for s in settings for path in s.shown_when}
        return {name: self.components[name] for name in sorted(asked)}

    def _visibility(self, names: list[str], sections: list[str]) -> Any:
        def follow(**values: Any) -> Any:
            shown = [self._shown(self._settings[name], values) for name in names]
            shown += [self._has_fields(section, values) for section in sections]
            updates = [gr.update(visible=each) for each in shown]
            return updates if len(updates) > 1 else updates[0]

        return follow


def _edits(component: Any) -> list[Any]:
    """What a person does to a field.

    Once filled by the program, a menu that takes any text, or a file field, tells of a change again
    and again, without end (Gradio 6.31); others tell of it once, and are believed.
    """
    if isinstance(component, gr.File):
        return [component.upload, component.clear, component.delete]
    if isinstance(component, gr.Dropdown) and component.allow_custom_value:
        return [component.input]
    return [component.change]
