"""A training from its settings to its saved model."""

import signal
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.builtin.datasets import builtin_datasets_for
from core.config.data import ColumnsSection, DatasetSection, FiltersSection
from core.config.model import ModelSection
from core.config.parse import parse_config
from core.config.presets import shipped_presets
from core.estimate import speed
from core.runs.events import EventWriter, ModelSaved, Warned, read_events
from core.runs.state import TrainerExit
from core.runs.store import RunStore
from core.train.session import prepare, train

pytestmark = pytest.mark.process

OUTDATED = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_every_preset_makes_a_trainer_that_nothing_warns_is_outdated(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the tiny model, on built-in rows for its method."""
    for preset in shipped_presets():
        data = DatasetSection(builtin=builtin_datasets_for(preset.config.method.name)[0])
        config = preset.config.model_copy(
            update={
                "model": ModelSection(),
                "dataset": data,
                "columns": ColumnsSection(),
                "filters": FiltersSection(),
            }
        )
        run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer = prepare(run, callbacks=[], warn=print).trainer
        assert trainer.args.learning_rate == config.training.learning_rate, preset.name
        told = [str(each.message) for each in caught if issubclass(each.category, OUTDATED)]
        told += [text for text in caplog.messages if "deprecat" in text.lower()]
        # peft and TRL still ask by the old name.
        assert [text for text in told if "`is_gradient_checkpointing`" not in text] == []
        caplog.clear()


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
