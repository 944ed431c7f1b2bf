"""A training that can't come to anything ends, and says why."""

import uuid
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerControl, TrainerState, TrainingArguments

from core.builtin.model import builtin_model_folder
from core.config.parse import parse_config
from core.errors import UserError
from core.runs.causes import FailureCause
from core.runs.events import Failure
from core.runs.store import RunStore
from core.train.health import (
    ALIKE_STEPS,
    BAD_STEPS,
    DIVERGED_STEPS,
    DivergenceWatch,
    LossWatch,
    RewardWatch,
    require_finite,
)
from core.train.session import prepare

pytestmark = pytest.mark.process

FORMAT = {"format": "pt"}
NOT_FINITE = (float("nan"), float("inf"))


def log(watch: LossWatch | RewardWatch | DivergenceWatch, step: int, **logs: float) -> None:
    arguments, control = TrainingArguments(report_to=[]), TrainerControl()
    watch.on_log(arguments, TrainerState(global_step=step), control, logs=logs)


def test_a_model_whose_loss_is_no_number_is_not_trained_on(home: Path) -> None:
    path = builtin_model_folder(home) / "model.safetensors"
    weights = load_file(path)
    save_file({name: torch.full_like(w, torch.nan) for name, w in weights.items()}, path, FORMAT)
    config = parse_config(
        {
            "training": {"max_steps": 10, "per_device_train_batch_size": 1, "save_steps": 10},
            "method": {"max_length": 256},
        }
    )
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    trainer = prepare(run, callbacks=[LossWatch()], warn=print).trainer
    with pytest.raises(UserError, match="NaN or infinite") as caught:
        trainer.train()
    failure = Failure.of(caught.value)
    assert failure.cause is FailureCause.NOT_FINITE
    assert "training.learning_rate" in failure.remedies[0]
    assert trainer.state.global_step == BAD_STEPS


@pytest.mark.parametrize("bad", NOT_FINITE)
def test_single_bad_steps_are_passed_over(bad: float) -> None:
    watch = LossWatch()
    for step, loss in enumerate([1.0, bad, bad, 0.9, bad, bad, 0.8], start=1):
        log(watch, step, loss=loss, grad_norm=1.0)


def test_nothing_learned_from_the_start_is_a_failure() -> None:
    with pytest.raises(UserError, match="exactly 0"):
        log(LossWatch(), 1, loss=0.0, grad_norm=0.0)
    watch = LossWatch()
    log(watch, 1, loss=0.5, grad_norm=0.1)
    log(watch, 2, loss=0.0, grad_norm=0.0)
    log(LossWatch(), 1, eval_loss=0.0)
    # The answers to a few prompts may all be as good as each other.
    log(LossWatch(may_be_zero=True), 1, loss=0.0, grad_norm=0.0)


def test_a_loss_that_stays_far_above_its_best_is_told_once() -> None:
    told: list[str] = []
    watch = DivergenceWatch(told.append)

    def go_on(*losses: float) -> None:
        for step, loss in enumerate(losses, start=1):
            log(watch, step, loss=loss)

    go_on(*[3.0] * 5, *[0.5] * 60)
    # Noise, and a plateau below where it began, are no divergence; nor is a while of it.
    go_on(*[9.0, 0.5] * 3, *[2.5] * 200)
    go_on(*[7.0] * (DIVERGED_STEPS // 2), *[0.5] * 60, float("nan"))
    assert told == []
    go_on(*[7.0] * 10 * DIVERGED_STEPS)
    (only,) = told
    assert "training.learning_rate" in only
    silent = DivergenceWatch(told.append)
    for loss in [-1.0, *[5.0] * 5 * DIVERGED_STEPS]:
        log(silent, 1, loss=loss)
        log(silent, 1, eval_loss=9.0)
    assert told == [only]


def test_rewards_that_tell_no_answers_apart_for_long_are_told_once() -> None:
    told: list[str] = []
    watch = RewardWatch(told.append)
    for step in range(1, 4 * ALIKE_STEPS):
        # One prompt whose answers differ begins the count anew.
        log(watch, step, frac_reward_zero_std=0.5 if step == ALIKE_STEPS - 1 else 1.0)
        log(watch, step, eval_frac_reward_zero_std=1.0)
        assert bool(told) is (step >= 2 * ALIKE_STEPS - 1)
    (only,) = told
    assert "`method.rewards`" in only


@pytest.mark.parametrize("bad", NOT_FINITE)
def test_weights_that_are_no_numbers_are_not_saved(bad: float) -> None:
    model = torch.nn.Linear(2, 2)
    require_finite(model)
    with torch.no_grad():
        model.weight[0, 0] = bad
    with pytest.raises(UserError, match="weight has NaN"):
        require_finite(model)
    model.weight.requires_grad_(requires_grad=False)
    require_finite(model)
