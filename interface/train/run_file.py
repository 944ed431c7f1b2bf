"""The same run as a file: its YAML and its command, to download, and a file to load instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from core.config.parse import MAX_YAML_BYTES, load_config
from core.config.run_config import RunConfig
from core.errors import InvalidConfig, UserError
from interface.access.uploads import issued_file
from interface.display import problems
from interface.display.live import HOLDS, QUIET
from interface.display.render import render
from interface.display.setting_labels import with_labels
from interface.train.form import Form
from interface.train.presets import Presets

UNREADY = "# These settings can't make a run yet."


class RunFile:
    """Builds the card where it is made, inside a gr.Blocks."""

    def __init__(self, presets: Presets) -> None:
        with gr.Column(elem_classes=["card", "as-file"]):
            gr.HTML("<h2>The same run as a file</h2>")
            self.yaml = gr.Code(
                language="yaml", label="YAML", lines=12, max_lines=18, interactive=False,
                buttons=["copy"], elem_id="yaml",
            )  # fmt: skip
            with gr.Row(elem_classes=["buttons"]):
                self._download = gr.Button("Download", size="sm", elem_id="download-yaml")
                self._load = gr.UploadButton(
                    "Load a file", size="sm", file_types=[".yaml", ".yml"], elem_id="load-yaml"
                )
            self.load_problem = gr.HTML("", elem_id="load-problem")
            presets.build_saving()
            self.command = gr.Code(
                language="shell", label="Run it from a terminal", lines=1, interactive=False,
                buttons=["copy"], elem_id="command",
            )  # fmt: skip

    def wire(self, form: Form) -> Any:
        """Returns the event that has filled the form from a file, for whoever follows it."""
        self._form = form
        self._download.click(
            fn=None,
            inputs=[self.yaml, self.command],
            # As the command has it: its last word, once the settings make a run.
            js="""(text, command) => window.smolfactory.download(
                command.match(/[^ ]+\\.yaml$/)?.[0] ?? "run.yaml", text)""",
        )
        return self._load.upload(
            self._fill,
            inputs=[self._load],
            outputs=[self.load_problem, *form.components.values()],
            js=HOLDS,
            preprocess=False,
            **QUIET,
        )

    def filled(self, config: RunConfig, files: Mapping[str, Path] | None = None) -> list[Any]:
        """Updates of `load_problem` and of the form's fields that show these settings.

        `files` are those that are here of the files that the settings name, by their names.
        """
        here = files or {}
        return [_loaded(config, here), *self._form.fill(config, here)]

    def _fill(self, value: Any) -> list[Any]:
        """Fill the form from a file; from a bad one only say what is wrong with it."""
        untouched = [gr.skip()] * len(self._form.components)
        try:
            config = load_config(_text_of(issued_file(value)))
        except UserError as error:
            return [problems.listed(error), *untouched]
        return self.filled(config)


def unready(form: Form, error: UserError) -> str:
    """What stands in place of the YAML while the settings make no run."""
    faults = error.fields if isinstance(error, InvalidConfig) else {"": str(error)}
    lines = [f"{form.label(path)}: {with_labels(message)}" for path, message in faults.items()]
    return "\n".join([UNREADY, *(f"# {line}" for line in lines)])


def _text_of(path: Path | None) -> str:
    if path is None:
        raise InvalidConfig({"yaml": "Choose a file."})
    with path.open("rb") as file:
        data = file.read(MAX_YAML_BYTES + 1)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidConfig({"yaml": "This is not a text file."}) from error


def _loaded(config: RunConfig, here: Mapping[str, Path]) -> str:
    named = (*config.dataset.files, *config.evaluation.files)
    return render("train/loaded.html", files=[name for name in named if name not in here])
