"""A training from its settings to its saved model."""

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config.parse import parse_config
from core.estimate import speed
from core.runs.events import EventWriter, ModelSaved, Warned, read_events
from core.runs.state import TrainerExit
from core.runs.store import RunStore
from core.train.session import train

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_speed_that_can_not_be_noted_costs_a_warning_and_not_the_model(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "LEAST_SECONDS", 0)
    (home / speed.FILE).mkdir()
    config = parse_config(
        {
            "training": {"max_steps": 2, "per_device_train_batch_size": 1},
            "method": {"max_length": 256},
            "evaluation": {"fraction": 0},
        }
    )
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    assert train(run, EventWriter(run.paths.events)) is TrainerExit.FINISHED
    assert (run.paths.model / "adapter_model.safetensors").is_file()
    events, _ = read_events(run.paths.events, offset=0)
    saved = next(number for number, event in enumerate(events) if isinstance(event, ModelSaved))
    (warning,) = [event for event in events[saved:] if isinstance(event, Warned)]
    assert "speed of this run could not be noted" in warning.text
