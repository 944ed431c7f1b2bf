"""The card that pushes a run's model."""

import gradio as gr

from core.config.every_setting import settings_of_a_run
from interface.runs.push_card import PushCard


def test_each_field_is_named_by_its_setting() -> None:
    with gr.Blocks():
        labels = PushCard().labels
    assert labels.keys() <= {setting.path for setting in settings_of_a_run()}
    assert labels["output.hub_private_repo"] == "Private"
