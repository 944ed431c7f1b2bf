"""What is offered against a trouble: settings that a run may have, and that help."""

import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.config.parse import parse_config
from core.errors import UserError
from core.jobs.fixes import Fix, fix_with, fixes_of
from core.runs.causes import FailureCause
from core.runs.events import EventWriter, Failure, StateChanged, Warned
from core.runs.history import History
from core.runs.state import RunState
from core.runs.store import Run, RunStore

MEMORY = ("device_out_of_memory", "out_of_memory")


def made(home: Path, **settings: Any) -> Run:
    run, _ = RunStore(home).create(parse_config(settings), files={}, submission=uuid.uuid4().hex)
    return run


def failed(run: Run, cause: str, *, field: str | None = None) -> list[dict[str, Any]]:
    """The changes that are offered after a failure."""
    failure = Failure(cause=FailureCause(cause), explanation="It failed.", field=field)
    EventWriter(run.paths.events).write(failure)
    return [changes(fix) for fix in offered(run)]


def offered(run: Run) -> list[Fix]:
    history = History.of(run.paths)
    history.follow()
    return fixes_of(run, history)


def changes(fix: Fix) -> dict[str, Any]:
    return {change.path: change.new for change in fix.changes}


@pytest.mark.parametrize("cause", MEMORY)
def test_memory_is_saved_by_what_was_not_done(tmp_path: Path, cause: str) -> None:
    batch = {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 3}
    wasteful = failed(made(tmp_path, training=batch, adapter={"kind": "full"}), cause)
    assert wasteful == [
        {
            "training.per_device_train_batch_size": 3,
            "training.gradient_accumulation_steps": 6,
        },
        {"hardware.gradient_checkpointing": "on"},
        {"adapter.kind": "lora", "training.learning_rate": 1e-3},
        {"training.optim": "adamw_bnb_8bit"},
        {"method.max_length": 512},
    ]
    with_adapter = made(tmp_path, training={"per_device_train_batch_size": 1})
    with_adapter.paths.resolved.write_text(yaml.safe_dump({"gradient_checkpointing": "on"}))
    assert failed(with_adapter, cause) == [
        {"model.quantization": "4bit"},
        {"method.max_length": 512},
    ]
    frugal = made(
        tmp_path,
        training={"per_device_train_batch_size": 1},
        model={"quantization": "4bit"},
        method={"max_length": 64},
        hardware={"gradient_checkpointing": "on"},
    )
    assert failed(frugal, cause) == []


def test_what_the_rules_or_the_machine_forbid_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rated = {"dataset": {"builtin": "facts_rated"}, "method": {"name": "kto"}}
    kto = made(tmp_path, training={"per_device_train_batch_size": 2}, **rated)
    assert all("batch" not in path for each in failed(kto, MEMORY[0]) for path in each)
    pissa = made(tmp_path, adapter={"init_lora_weights": "pissa"})
    assert {"model.quantization": "4bit"} not in failed(pissa, MEMORY[0])
    assert {"model.quantization": "4bit"} in failed(made(tmp_path), MEMORY[0])
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    assert {"model.quantization": "4bit"} not in failed(made(tmp_path), MEMORY[0])


def test_a_fix_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    run = made(tmp_path, training={"seed": 7}, output={"replace": True, "name": "mine"})
    assert failed(run, MEMORY[0])
    before = run.config().model_dump(mode="json")
    for fix in offered(run):
        after = fix.config.model_dump(mode="json")
        changed = {
            f"{section}.{name}": value
            for section, values in after.items()
            if section != "version"
            for name, value in values.items()
            if value != before[section][name]
        }
        # Leave to replace what is in a repository is given for one run.
        assert changed == changes(fix) | {"output.replace": False}
        assert fix_with(fix.key, run) == fix
    with pytest.raises(UserError, match="not offered"):
        fix_with("training.seed=1", run)


def test_a_loss_that_is_no_number_or_rises_calls_for_calmer_steps(tmp_path: Path) -> None:
    run = made(tmp_path, training={"learning_rate": 2e-3, "max_grad_norm": 0})
    calmer = [{"schedule.warmup_steps": 0.1}, {"training.max_grad_norm": 1.0}]
    assert failed(run, "not_finite") == [
        {"training.learning_rate": 2e-4},
        {"hardware.precision": "float32"},
        *calmer,
    ]
    steady = made(
        tmp_path, training={"learning_rate": 2e-3}, schedule={"lr_scheduler_type": "constant"}
    )
    steady.paths.resolved.write_text(yaml.safe_dump({"precision": "float32"}))
    warned = Warned(text="It rises.", cause=FailureCause.DIVERGING)
    EventWriter(steady.paths.events).write(warned)
    assert [changes(fix) for fix in offered(steady)] == [
        {"training.learning_rate": 6.7e-4},
        {"schedule.lr_scheduler_type": "constant_with_warmup", "schedule.warmup_steps": 0.1},
        {"training.max_grad_norm": 0.3},
    ]
    wild = made(tmp_path, training={"learning_rate": 1}, adapter={"kind": "full"})
    assert failed(wild, "not_finite")[0] == {"training.learning_rate": 2e-5}
    # A new start is another story.
    EventWriter(steady.paths.events).write(StateChanged(state=RunState.QUEUED))
    assert offered(steady) == []


def test_rewards_that_tell_nothing_call_for_answers_that_differ(tmp_path: Path) -> None:
    method = {"name": "grpo", "temperature": 0.7, "top_p": 0.9}
    run = made(tmp_path, dataset={"builtin": "sums"}, method=method)
    assert failed(run, "rewards_alike") == [
        {"method.temperature": 1.0},
        {"method.top_p": 1.0},
        {"method.num_generations": 16, "training.gradient_accumulation_steps": 2},
    ]
    assert failed(run, MEMORY[0])[-1] == {
        "method.max_length": 512,
        "method.max_completion_length": 256,
    }


def test_a_fault_at_a_setting_is_answered_there(tmp_path: Path) -> None:
    run = made(tmp_path, model={"revision": "gone"})
    assert failed(run, "input", field="model.revision") == [{"model.revision": None}]
    assert failed(run, "input", field="dataset.revision") == []
    assert failed(run, "input", field="model.chat_template") == [
        {"model.chat_template": "chatml"},
        {"model.chat_template": "plain"},
    ]
    assert failed(run, "disk_full") == [{"training.save_total_limit": 1}]
    assert failed(run, "no_network") == failed(run, "gated") == []


def test_settings_that_cant_be_read_have_no_fix(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.paths.config.write_text("version: 99")
    assert failed(run, MEMORY[0]) == []
