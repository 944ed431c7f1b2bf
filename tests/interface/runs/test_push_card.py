"""The card that pushes a run's model."""

from pathlib import Path

import gradio as gr
import pytest

from core.config.every_setting import settings_of_a_run
from core.config.parse import parse_config
from core.runs.state import RunState
from core.runs.store import RunStore
from interface.runs.push_card import PushCard, is_shown
from interface.runs.snapshots import Snapshots


def test_each_field_is_named_by_its_setting() -> None:
    with gr.Blocks():
        labels = PushCard().labels
    assert labels.keys() <= {setting.path for setting in settings_of_a_run()}
    assert labels["output.hub_private_repo"] == "Private"


@pytest.mark.parametrize("state", [state for state in RunState if not state.live])
def test_a_model_can_be_pushed_whatever_became_of_its_run_since(
    tmp_path: Path, state: RunState
) -> None:
    store = RunStore(tmp_path)
    run, _ = store.create(parse_config({}), files={}, submission="a" * 16)
    run.write_status(run.status().model_copy(update={"state": state}))
    for has_model in (False, True):
        if has_model:
            run.paths.model.mkdir()
        snapshot = Snapshots(store, in_reach=True).take(run.id)
        assert snapshot is not None
        assert is_shown(snapshot) is has_model
