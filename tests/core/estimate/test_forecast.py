"""What a run takes, told before it starts."""

from pathlib import Path
from typing import Any

import pytest

from core.config.parse import parse_config
from core.estimate.forecast import Forecast, Rows, forecast, steps_of
from core.estimate.speed import FILE, LEAST_SECONDS, remember_speed, speed_of
from core.machine.hardware import Device
from tests.core.estimate.test_memory import DPO, FULL, LLAMA_1B, SMOLLM2

GB = 1024**3
ROWS = Rows(training=320, evaluation=64, mean=55.3, longest=71)


def cpu(free: float = 16) -> Device:
    return Device("Some CPU, 2 cores", "cpu", int(24 * GB), int((24 - free) * GB), load=0)


def gpu(name: str = "NVIDIA H100 80GB HBM3", free: float = 79) -> Device:
    return Device(name, "cuda", 80 * GB, int((80 - free) * GB), load=0)


def found(
    home: Path, *, device: Device | None = None, rows: Rows = ROWS, **sections: Any
) -> Forecast:
    config = parse_config(sections)
    return forecast(config, SMOLLM2, rows, device=device or cpu(), home=home)


def test_steps_are_those_of_transformers() -> None:
    for sections, rows, steps in (
        ({}, 320, 40),
        ({"training": {"num_train_epochs": 2.5, "gradient_accumulation_steps": 3}}, 320, 35),
        ({"training": {"max_steps": 7}}, 320, 7),
        ({"training": {"per_device_train_batch_size": 512}}, 320, 1),
        # 18,000 tokens in sequences of 1,024.
        ({"method": {"packing": True}}, 325, 3),
    ):
        config = parse_config(dict(sections))
        assert steps_of(config, Rows(training=rows, evaluation=0, mean=55.3, longest=71)) == steps
    uncounted = Rows(training=None, evaluation=0, mean=55.3, longest=71)
    assert steps_of(parse_config({}), uncounted) is None


def test_what_does_not_fit_is_told_with_what_does(tmp_path: Path) -> None:
    batch: dict[str, Any] = {"training": {"per_device_train_batch_size": 512}}
    assert found(tmp_path).fits
    large = found(tmp_path, device=cpu(free=4), **batch, **FULL)
    assert (large.fits, large.checkpointing) == (False, True)
    assert "`training.per_device_train_batch_size` to 16 " in large.instead
    assert "`training.gradient_accumulation_steps` to 32:" in large.instead
    # As advised, it does.
    smaller = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 32}
    assert found(tmp_path, device=cpu(free=4), training=smaller, **FULL).fits
    none = found(tmp_path, device=cpu(free=1), **FULL)
    assert none.instead.startswith("Lower `method.max_length`, train an adapter")


def test_what_is_advised_is_allowed_and_trains_as_many_examples(tmp_path: Path) -> None:
    def advice(free: float, **sections: Any) -> str:
        long_rows = Rows(training=320, evaluation=0, mean=900, longest=1024)
        return found(tmp_path, device=cpu(free), rows=long_rows, **sections).instead

    # Five examples are five times one, and two are no part of them.
    five = advice(2.2, training={"per_device_train_batch_size": 5}, **FULL)
    assert "`training.per_device_train_batch_size` to" not in five
    five = advice(3, training={"per_device_train_batch_size": 5})
    assert five == "" or "to 1 and `training.gradient_accumulation_steps` to 5" in five
    # KTO can't learn from one.
    kto = {"method": {"name": "kto"}, "dataset": {"builtin": "facts_rated"}}
    assert "to 1 " not in advice(1.9, training={"per_device_train_batch_size": 2}, **kto)
    # Without checkpointing, that is what to change first.
    off = {"hardware": {"gradient_checkpointing": "off"}}
    assert advice(6, **off).startswith("Set `hardware.gradient_checkpointing` to `auto`: the same")


def test_what_is_used_now_may_be_free_later(tmp_path: Path) -> None:
    busy = found(tmp_path, device=cpu(free=1))
    assert (busy.fits, busy.fits_alone) == (False, True)
    batch: dict[str, Any] = {"training": {"per_device_train_batch_size": 4000}}
    assert not found(tmp_path, device=cpu(free=20), **batch, **FULL).fits_alone


def test_packing_takes_as_long_for_the_same_tokens(tmp_path: Path) -> None:
    many = Rows(training=10_000, evaluation=0, mean=100, longest=400)
    for training in ({}, {"max_steps": 123}):
        apart, packed = (
            found(tmp_path, device=gpu(), rows=many, method={"packing": packing}, training=training)
            for packing in (False, True)
        )
        assert apart.seconds is not None
        assert packed.seconds is not None
        # A packed step has ten rows for one.
        times = 1 if not training else 1024 / 100
        assert packed.seconds == pytest.approx(times * apart.seconds, rel=0.05)


def test_a_gpu_holds_one_tile_of_the_head_and_older_ones_compute_in_float16(tmp_path: Path) -> None:
    t4 = Device("Tesla T4", "cuda", 16 * GB, GB, load=0, capability=(7, 5))
    old, new = found(tmp_path, device=t4, **DPO), found(tmp_path, device=gpu(), **DPO)
    assert (old.fits, new.fits) == (True, True)
    assert new.memory.logits < GB
    # In float16 the base stays in float32, and a copy of it in half precision is saved.
    assert old.memory.weights == pytest.approx(3 * new.memory.weights, rel=0.1)
    # No A100, whatever its name begins with.
    assert found(tmp_path, device=gpu("NVIDIA RTX A1000")).seconds is None


def test_checkpointing_is_as_the_trainer_will_choose(tmp_path: Path) -> None:
    long_rows = Rows(training=320, evaluation=0, mean=900, longest=5000)
    whole = found(tmp_path, device=cpu(free=20), rows=long_rows)
    assert (whole.memory.length, whole.checkpointing, whole.fits) == (1024, True, True)
    assert not found(tmp_path, device=gpu(), rows=long_rows).checkpointing
    chosen = {"hardware": {"gradient_checkpointing": "off"}}
    assert not found(tmp_path, device=cpu(free=4), rows=long_rows, **chosen).checkpointing


def test_time_is_that_of_earlier_runs_here(tmp_path: Path) -> None:
    device = cpu()
    first = found(tmp_path)
    assert first.speed is not None
    assert not first.speed.is_measured
    # A minute of two billion operations a second is remembered, a moment isn't.
    note: dict[str, Any] = {"device": device, "precision": "float32", "hidden": SMOLLM2.hidden}
    remember_speed(tmp_path, **note, flops=1e15, seconds=LEAST_SECONDS / 2)
    assert not (tmp_path / FILE).exists()
    remember_speed(tmp_path, **note, flops=60 * 2e9, seconds=60)
    known = found(tmp_path)
    assert known.speed is not None
    assert (known.speed.is_measured, known.speed.flops) == (True, 2e9)
    assert known.seconds is not None
    # Two epochs take twice as long, and pairs about three times as long with their base's answers.
    twice = found(tmp_path, training={"num_train_epochs": 2})
    assert twice.seconds == pytest.approx(2 * known.seconds, rel=0.01)
    pairs = found(tmp_path, **DPO)
    assert pairs.seconds == pytest.approx(1.5 * known.seconds, rel=0.1)
    # It counts half from then on, and tells nothing of another device or a much larger model.
    remember_speed(tmp_path, **note, flops=60 * 4e9, seconds=60)
    again = speed_of(tmp_path, **note)
    assert again is not None
    assert again.flops == 3e9
    wider = speed_of(tmp_path, **note | {"hidden": LLAMA_1B.hidden * 8})
    assert wider is not None
    assert not wider.is_measured


def test_what_nobody_can_tell_is_not_made_up(tmp_path: Path) -> None:
    assert found(tmp_path, device=gpu()).seconds is not None
    unknown = found(tmp_path, device=gpu("A GPU of tomorrow"))
    assert (unknown.seconds, unknown.steps) == (None, 40)
    uncounted = found(tmp_path, rows=Rows(training=None, evaluation=0, mean=55, longest=71))
    assert (uncounted.seconds, uncounted.steps) == (None, None)
    assert uncounted.memory.total > 0


@pytest.mark.parametrize("damaged", ["", "[]", '{"a|b": "fast"}', "\x00"])
def test_a_damaged_memory_of_speeds_is_passed_over(tmp_path: Path, damaged: str) -> None:
    (tmp_path / FILE).write_text(damaged)
    speed = found(tmp_path).speed
    assert speed is not None
    assert not speed.is_measured
