"""What this machine lacks is told before a run starts, at the setting that needs it."""

import sys
from pathlib import Path
from typing import Any

import pytest

from core.config.check import Context
from core.config.checks import check_machine
from core.config.parse import parse_config
from core.errors import InvalidConfig
from core.machine.hardware import devices

HAS_GPU = devices()[0].kind != "cpu"


def faults(home: Path, **sections: Any) -> dict[str, str]:
    context = Context(files={}, home=home, token=None, report=print)
    try:
        assert check_machine(parse_config(sections), context) == []
    except InvalidConfig as error:
        return error.fields
    return {}


@pytest.mark.parametrize("optimizer", ["adamw_torch", "adamw_bnb_8bit", "lion_8bit"])
def test_what_runs_anywhere_is_taken(tmp_path: Path, optimizer: str) -> None:
    assert not faults(tmp_path, training={"optim": optimizer}, hardware={"precision": "float32"})


def test_what_needs_a_gpu_is_refused_without_one(tmp_path: Path) -> None:
    found = faults(
        tmp_path, training={"optim": "paged_adamw_8bit"}, hardware={"precision": "float16"}
    )
    assert found.keys() == (set() if HAS_GPU else {"training.optim", "hardware.precision"})
    if not HAS_GPU:
        assert "`adamw_bnb_8bit`" in found["training.optim"]


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    found = faults(tmp_path, training={"optim": "adamw_bnb_8bit"})
    assert "bitsandbytes, which is not installed" in found["training.optim"]
    assert not faults(tmp_path, training={"optim": "adafactor"})
    assert faults(tmp_path, model={"quantization": "4bit"}).keys() == {"model.quantization"}
