"""Every schedule and optimizer that is offered is one that transformers makes."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import SchedulerType, Trainer, TrainingArguments, get_scheduler
from transformers.training_args import OptimizerNames

from core.config.every_setting import Setting, settings_of_a_run
from core.config.options import BY_LOSS, PAGED, Optimizer, Schedule
from core.config.training import ScheduleSection
from core.train.schedule import schedule_arguments, warmup_within

PEAK = 0.01
STEPS = 20
ARGUMENTS = [
    s for s in settings_of_a_run() if s.section == "schedule" and s.name != "lr_scheduler_type"
]
# For each argument a value that is not its default.
CHANGED: dict[str, Any] = {
    "warmup_steps": 3,
    "num_cycles": 2.0,
    "min_lr_rate": 0.25,
    "warmup_lr_rate": 0.75,
    "power": 2.0,
    "lr_end": 0.002,
    "timescale": 7,
    "decay_steps": 6,
    "warmup_type": "cosine",
    "decay_type": "1-sqrt",
    "factor": 0.9,
    "patience": 0,
    "min_lr": 0.004,
    "max_lr": 0.02,
}
KINDS = pytest.mark.parametrize("kind", Schedule)


def own_arguments(kind: Schedule) -> list[Setting]:
    """The settings that the form shows for a schedule."""
    return [s for s in ARGUMENTS if kind in s.shown_when["schedule.lr_scheduler_type"]]


def rates(
    schedule: ScheduleSection, *, steps: int = STEPS, loss_falls: bool = False
) -> list[float]:
    """The learning rates of a run, made as the trainer makes them."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    arguments = TrainingArguments(
        **schedule_arguments(schedule, peak=PEAK), eval_strategy="steps", use_cpu=True
    )
    scheduler = get_scheduler(
        arguments.lr_scheduler_type,
        optimizer,
        num_warmup_steps=warmup_within(arguments.get_warmup_steps(steps), total_steps=steps),
        num_training_steps=steps,
        scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,
    )
    found = [optimizer.param_groups[0]["lr"]]
    for step in range(steps):
        optimizer.step()
        loss = float(-step if loss_falls else step)
        scheduler.step(*([loss] if schedule.lr_scheduler_type in BY_LOSS else []))
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_all_of_transformers_schedules_are_offered() -> None:
    assert {kind.value for kind in Schedule} == {kind.value for kind in SchedulerType}


def test_every_optimizer_is_one_of_transformers() -> None:
    assert {kind.value for kind in Optimizer} <= {kind.value for kind in OptimizerNames}


@pytest.mark.parametrize("kind", [kind for kind in Optimizer if kind not in PAGED])
def test_every_optimizer_that_needs_no_gpu_learns(tmp_path: Path, kind: Optimizer) -> None:
    arguments = TrainingArguments(
        str(tmp_path), optim=kind.value, learning_rate=0.1, use_cpu=True, report_to="none"
    )
    # Smaller ones have their state in 32 bits with any.
    weight = torch.nn.Parameter(torch.ones(64, 128))
    make, settings = Trainer.get_optimizer_cls_and_kwargs(arguments)
    optimizer = make([weight], **settings)
    for _ in range(5):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    assert 0 < float(weight.detach().abs().mean()) < 1


def test_every_argument_is_tried() -> None:
    assert CHANGED.keys() == {setting.name for setting in ARGUMENTS}
    assert all(setting.field.default != CHANGED[setting.name] for setting in ARGUMENTS)


@KINDS
def test_a_schedule_runs_as_it_is_first_offered(kind: Schedule) -> None:
    found = rates(ScheduleSection(lr_scheduler_type=kind))
    assert len(found) == STEPS + 1
    assert all(math.isfinite(rate) and 0 <= rate <= PEAK * 1.0001 for rate in found)
    assert max(found) > PEAK / 2


@KINDS
def test_a_schedule_runs_with_all_its_arguments(kind: Schedule) -> None:
    values = {setting.name: CHANGED[setting.name] for setting in own_arguments(kind)}
    found = rates(ScheduleSection(lr_scheduler_type=kind, **values))
    assert all(math.isfinite(rate) and 0 <= rate <= 0.02 for rate in found)


@KINDS
def test_every_argument_that_is_shown_does_something(kind: Schedule) -> None:
    shown = {setting.name for setting in own_arguments(kind)}
    for name in shown:
        # Some show only where the rate moves at once.
        quick = {"warmup_steps": 2, "patience": 0}
        base = {other: quick[other] for other in quick if other in shown and other != name}
        falls = name == "max_lr"
        plain = rates(ScheduleSection(lr_scheduler_type=kind, **base), loss_falls=falls)
        changed = ScheduleSection(lr_scheduler_type=kind, **base | {name: CHANGED[name]})
        assert rates(changed, loss_falls=falls) != plain, name


@KINDS
@pytest.mark.parametrize("steps", [1, 2])
def test_a_schedule_fits_a_run_of_hardly_a_step(kind: Schedule, steps: int) -> None:
    found = rates(ScheduleSection(lr_scheduler_type=kind), steps=steps)
    assert all(math.isfinite(rate) for rate in found)


def test_a_small_warm_up_is_a_share_and_a_large_one_is_steps() -> None:
    share = rates(ScheduleSection(lr_scheduler_type=Schedule.LINEAR, warmup_steps=0.25))
    steps = rates(ScheduleSection(lr_scheduler_type=Schedule.LINEAR, warmup_steps=5))
    assert share == steps
    assert share.index(max(share)) == 5
    assert rates(ScheduleSection(lr_scheduler_type=Schedule.LINEAR, warmup_steps=0))[0] == PEAK


@pytest.mark.parametrize(
    ("values", "end"),
    [
        ({"lr_scheduler_type": Schedule.LINEAR}, 0.0),
        ({"lr_scheduler_type": Schedule.POLYNOMIAL, "lr_end": 0.002}, 0.002),
        ({"lr_scheduler_type": Schedule.POLYNOMIAL, "lr_end": 0.0}, 0.0),
        ({"lr_scheduler_type": Schedule.COSINE_WITH_MIN_LR, "min_lr_rate": 0.0}, 0.0),
        ({"lr_scheduler_type": Schedule.COSINE_WITH_MIN_LR, "min_lr_rate": 0.25}, 0.0025),
        ({"lr_scheduler_type": Schedule.WARMUP_STABLE_DECAY, "min_lr_rate": 0.0}, 0.0),
        ({"lr_scheduler_type": Schedule.WARMUP_STABLE_DECAY, "min_lr_rate": 0.25}, 0.0025),
        ({"lr_scheduler_type": Schedule.CONSTANT}, PEAK),
        ({"lr_scheduler_type": Schedule.REDUCE_ON_PLATEAU, "patience": 0, "min_lr": 0.004}, 0.004),
        ({"lr_scheduler_type": Schedule.GREEDY, "patience": 0, "min_lr": 0.004}, 0.004),
    ],
)
def test_a_schedule_ends_where_it_is_told_to(values: dict[str, Any], end: float) -> None:
    assert rates(ScheduleSection(**values))[-1] == pytest.approx(end, abs=1e-9)
