"""Each method learns exactly as a plain script over TRL's own trainer does, on the same rows."""

import json
import signal
import uuid
from collections.abc import Iterator
from operator import eq
from pathlib import Path
from typing import Any

import pytest
import trl
import yaml
from datasets import Dataset
from peft import LoraConfig
from pydantic import TypeAdapter
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    set_seed,
)
from trl.data_utils import unpair_preference_dataset
from trl.trainer import utils

from core.builtin.datasets import builtin_dataset_files
from core.builtin.model import builtin_model_folder
from core.config.methods import METHODS
from core.config.methods.settings import MethodSettings
from core.config.methods.writing import WritingSettings
from core.config.parse import parse_config
from core.config.rewards import AnyReward
from core.config.rewards.reward import Reward, metric_names
from core.machine.source_tree import TEMPLATES
from core.runs.events import EventWriter
from core.runs.history import History
from core.runs.store import Run, RunStore
from core.train.callbacks import Reporter
from core.train.methods.experimental import CPOConfig, CPOTrainer, ORPOConfig, ORPOTrainer
from core.train.session import prepare
from tests.command_line import CommandLine
from tests.core.train.reward_run import make_reward_run

MARKED = TEMPLATES / "chat_templates" / "smollm2_training.jinja"
STEPS, HALF, MAX_LENGTH = 6, 3, 192
# A run that made a reward model, in each home of these tests.
REWARD_RUN = "20260101-000000-0123abcd"
# What a script says for the settings that RUN has; all others are TRL's defaults and ours.
SHARED: dict[str, Any] = {
    "max_steps": STEPS,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "learning_rate": 0.01,
    "lr_scheduler_type": "linear",
    "logging_steps": 1,
    "max_length": MAX_LENGTH,
    "report_to": "none",
    # TRL's defaults are bfloat16, which this processor computes slowly, and the fused optimizer.
    "bf16": False,
    "optim": "adamw_torch",
    "use_cpu": True,
    "save_strategy": "no",
    "activation_checkpointing": False,
    "seed": 42,
}
RUN = """
version: 2
training: {max_steps: 6, per_device_train_batch_size: 2, gradient_accumulation_steps: 2,
  learning_rate: 0.01, seed: 42, save_steps: 3}
schedule: {lr_scheduler_type: linear, warmup_steps: 0}
evaluation: {eval_steps: 1000, max_eval_samples: 16}
hardware: {precision: float32, gradient_checkpointing: 'off'}
output: {name: bot}
"""
METHOD_RUNS: dict[str, dict[str, Any]] = {
    "sft": {
        "dataset": {"builtin": "facts_to_json"},
        "method": {"name": "sft", "max_length": MAX_LENGTH},
    },
    "sft with TRL's head and noise": {
        "dataset": {"builtin": "facts_to_json"},
        "method": {"name": "sft", "max_length": MAX_LENGTH, "neftune_noise_alpha": 5},
        "hardware": {
            "precision": "float32",
            "gradient_checkpointing": "off",
            "fused_lm_head": "off",
        },
    },
    "dpo": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": MAX_LENGTH, "beta": 0.2},
    },
    "dpo with all weights": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": MAX_LENGTH, "loss_type": "ipo"},
        "adapter": {"kind": "full"},
    },
    "dpo with two losses": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "dpo", "max_length": MAX_LENGTH, "sft_loss_weight": 0.5},
    },
    "kto": {
        "dataset": {"builtin": "facts_rated"},
        "method": {"name": "kto", "max_length": MAX_LENGTH, "undesirable_weight": 1.2},
    },
    "reward": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "reward", "max_length": MAX_LENGTH},
    },
    "reward with all weights": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "reward", "max_length": MAX_LENGTH, "center_rewards_coefficient": 0.01},
        "adapter": {"kind": "full"},
    },
    "orpo": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "orpo", "max_length": MAX_LENGTH, "beta": 0.2},
    },
    "orpo with all weights": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "orpo", "max_length": MAX_LENGTH},
        "adapter": {"kind": "full"},
    },
    "cpo": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "cpo", "max_length": MAX_LENGTH, "cpo_alpha": 0.5},
    },
    "cpo with all weights": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "cpo", "max_length": MAX_LENGTH, "beta": 0.3},
        "adapter": {"kind": "full"},
    },
    "simpo": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {
            "name": "cpo",
            "max_length": MAX_LENGTH,
            "beta": 2.0,
            "cpo_loss_type": "simpo",
            "simpo_gamma": 1.0,
            "cpo_alpha": 0.0,
            "alphapo_alpha": 0.1,
        },
    },
    "grpo": {
        "dataset": {"builtin": "sums"},
        "method": {
            "name": "grpo",
            "max_length": 512,
            "max_completion_length": 12,
            "num_generations": 4,
            "rewards": ["length min=3 max=4", "numeric_match weight=0.5", "length max=2"],
            "grpo_beta": 0.04,
        },
    },
    "grpo with all weights": {
        "dataset": {"builtin": "sums"},
        "method": {
            "name": "grpo",
            "max_length": 512,
            "max_completion_length": 12,
            "num_generations": 4,
            "rewards": ["regex pattern='[a-zA-Z ]{2}'"],
            "grpo_beta": 0.1,
            "temperature": 0.8,
            "top_p": 0.9,
            "grpo_loss_type": "dr_grpo",
            "scale_rewards": "batch",
            "num_iterations": 3,
            "epsilon_high": 0.28,
        },
        "adapter": {"kind": "full"},
    },
    "rloo": {
        "dataset": {"builtin": "sums"},
        "method": {
            "name": "rloo",
            "max_length": 512,
            "max_completion_length": 12,
            "num_generations": 4,
            "rewards": ["length min=3 max=4", "regex pattern='[a-zA-Z ]{2}'"],
            "normalize_advantages": True,
        },
    },
    "rloo with all weights": {
        "dataset": {"builtin": "sums"},
        "method": {
            "name": "rloo",
            "max_length": 512,
            "max_completion_length": 12,
            "num_generations": 4,
            "rewards": ["regex pattern='[a-z]'"],
            "rloo_beta": 0.1,
        },
        "adapter": {"kind": "full"},
    },
    "grpo with a reward model": {
        "dataset": {"builtin": "sums"},
        "method": {
            "name": "grpo",
            "max_length": 512,
            "max_completion_length": 12,
            "num_generations": 4,
            "rewards": ["length max=4", f"model weight=0.5 run={REWARD_RUN}"],
        },
        "adapter": {"kind": "full"},
    },
    "kto on pairs": {
        "dataset": {"builtin": "facts_pairs"},
        "method": {"name": "kto", "max_length": MAX_LENGTH},
        "evaluation": {"eval_steps": 1000, "max_eval_samples": 96},
    },
    "kto with all weights": {
        "dataset": {"builtin": "facts_rated"},
        "method": {"name": "kto", "max_length": MAX_LENGTH, "beta": 0.2},
        "adapter": {"kind": "full"},
    },
}


def trl_trainer(name: str, *, model: Path, out: Path) -> Any:
    """What somebody writes who uses TRL alone."""
    shared: dict[str, Any] = {
        "model": AutoModelForCausalLM.from_pretrained(model, dtype="float32"),
        "processing_class": AutoTokenizer.from_pretrained(model),
        "train_dataset": rows(METHOD_RUNS[name]["dataset"]["builtin"]),
        "peft_config": None
        if METHOD_RUNS[name].get("adapter", {}).get("kind") == "full"
        else LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    }
    method = METHOD_RUNS[name]["method"]
    if method["name"] == "sft":
        noise = method.get("neftune_noise_alpha")
        args = trl.SFTConfig(
            output_dir=str(out), assistant_only_loss=True, neftune_noise_alpha=noise, **SHARED
        )
        # A script over a model whose template marks no answers must bring one that does.
        shared["processing_class"].chat_template = MARKED.read_text(encoding="utf-8")
        return trl.SFTTrainer(args=args, **shared)
    if method["name"] == "reward":
        # The new head is made by chance.
        set_seed(SHARED["seed"])
        shared["model"] = AutoModelForSequenceClassification.from_pretrained(
            model, num_labels=1, dtype="float32"
        )
        center = method.get("center_rewards_coefficient")
        args = trl.RewardConfig(
            output_dir=str(out), **SHARED, center_rewards_coefficient=center,
        )  # fmt: skip
        if (lora := shared["peft_config"]) is not None:
            lora.task_type, lora.modules_to_save = "SEQ_CLS", ["score"]
        return trl.RewardTrainer(args=args, **shared)
    if METHODS[method["name"]].generates:
        return trl_writing_trainer(name, model=model, out=out, shared=shared)
    special = {key: value for key, value in method.items() if key not in ("name", "max_length")}
    if method["name"] == "kto":
        # TRL's own takes the rows in their order.
        made = shared["train_dataset"]
        if "chosen" in made.column_names:
            made = unpair_preference_dataset(made, batch_size=1)
        shared["train_dataset"] = made.shuffle(seed=SHARED["seed"])
        args = trl.KTOConfig(output_dir=str(out), **SHARED, **special)
        return trl.KTOTrainer(args=args, **shared)
    if (weight := special.pop("sft_loss_weight", None)) is not None:
        special |= {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, weight]}
    experimental = {"orpo": (ORPOConfig, ORPOTrainer), "cpo": (CPOConfig, CPOTrainer)}
    if method["name"] in experimental:
        named = {"cpo_loss_type": "loss_type", "alphapo_alpha": "alpha"}
        special = {named.get(key, key): value for key, value in special.items()}
        configuration, kind = experimental[method["name"]]
        return kind(args=configuration(output_dir=str(out), **SHARED, **special), **shared)
    return trl.DPOTrainer(args=trl.DPOConfig(output_dir=str(out), **SHARED, **special), **shared)


def trl_writing_trainer(name: str, *, model: Path, out: Path, shared: dict[str, Any]) -> Any:
    special = {**METHOD_RUNS[name]["method"]}
    reward_model = str(model.parent.parent / "runs" / REWARD_RUN / "model")
    scores = [scored_by(line, reward_model=reward_model) for line in special.pop("rewards")]
    named = {"grpo_beta": "beta", "grpo_loss_type": "loss_type", "rloo_beta": "beta"}
    given = SHARED | {named.get(key, key): value for key, value in special.items()}
    weights = [weight for _, weight in scores]
    configuration, kind = {
        "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
        "rloo": (trl.RLOOConfig, trl.RLOOTrainer),
    }[special["name"]]
    args = configuration(
        output_dir=str(out), reward_weights=weights,
        **{key: value for key, value in given.items() if key not in ("name", "max_length")}
    )  # fmt: skip
    return kind(args=args, reward_funcs=[each for each, _ in scores], **shared)


def scored_by(line: str, *, reward_model: str) -> tuple[Any, float]:
    reward: Reward = TypeAdapter(AnyReward).validate_python(line)
    if reward.needs_model:
        return reward_model, reward.weight

    def score(completions: Any, answer: list[str], **_: Any) -> list[float | None]:
        pairs = zip(completions, answer, strict=True)
        return [reward.score(said[0]["content"], wanted) for said, wanted in pairs]

    return score, reward.weight


def rows(builtin: str) -> Dataset:
    lines = builtin_dataset_files(builtin)["train"].read_text(encoding="utf-8").splitlines()
    return Dataset.from_list([json.loads(line) for line in lines])


def test_every_method_is_compared() -> None:
    assert {run["method"]["name"] for run in METHOD_RUNS.values()} == METHODS.keys()


def plain_losses(name: str, *, model: Path, out: Path) -> dict[str, float]:
    trainer = trl_trainer(name, model=model, out=out)
    # Where there is noise, it goes on from here.
    set_seed(SHARED["seed"])
    trainer.train()
    return losses_of(trainer)


def losses_of(trainer: Trainer) -> dict[str, float]:
    """And the rewards, where there are some: a loss by them is near 0 at first."""
    logs = [log for log in trainer.state.log_history if "loss" in log]
    assert len(logs) == STEPS
    measures = ("loss", "reward")
    return {f"{name} {log['step']}": log[name] for log in logs for name in measures if name in log}


def test_losses_of_a_run_are_those_of_a_plain_script(
    command_line: CommandLine, tmp_path: Path
) -> None:
    config = parse_config({**yaml.safe_load(RUN), **METHOD_RUNS["sft"]})
    run = command_line.begin(config.to_yaml())
    assert command_line.wait(run)["state"] == "done", command_line.log(run)
    model = builtin_model_folder(command_line.home)
    plain = plain_losses("sft", model=model, out=tmp_path / "plain")
    losses = {f"loss {step}": loss for step, loss in command_line.losses(run).items()}
    assert losses == pytest.approx(plain, rel=1e-5, abs=1e-6)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Those of the tests again, after a trainer in their process has set its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.process
@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize("name", sorted(METHOD_RUNS.keys() - {"sft"}))
def test_losses_of_each_method_are_those_of_a_plain_script_and_go_on_in_a_resumed_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # What our trainers put in the place of TRL's own functions is taken back for the script.
    for replaced in ("_use_triton", "_ChunkedLogProbFunction"):
        monkeypatch.setattr(utils, replaced, getattr(utils, replaced))
    config = parse_config({**yaml.safe_load(RUN), **METHOD_RUNS[name]})
    make_reward_run(home, run_id=REWARD_RUN)
    run, _ = RunStore(home).create(config, files={}, submission=uuid.uuid4().hex)
    reports = [Reporter(run=run, events=EventWriter(run.paths.events))]
    callbacks: list[Any] = reports if config.method.generates else []
    trainer = prepare(run, callbacks=callbacks, warn=print).trainer
    measure = next((each.name for each in config.method.metrics if "margin" in each.name), "loss")
    measure = "reward" if config.method.generates else measure
    if config.method.name == "kto":
        # Each prompt is also read with the answer before it, which must be one to another prompt.
        prompts = [row["prompt_ids"] for row in trainer.eval_dataset]
        assert sum(map(eq, prompts, prompts[1:])) < len(prompts) / 8
    before = trainer.evaluate()[f"eval_{measure}"]
    set_seed(SHARED["seed"])
    trainer.train()
    # It prefers what it is to prefer, or has learned, in rows that it was not trained on.
    after = trainer.evaluate()[f"eval_{measure}"]
    # But for an adapter of the tiny model, after which its few answers are the same; and for a
    # reward model that was made by chance, which likes nothing.
    if not (config.method.generates and (config.adapter.has_adapter or "model" in name)):
        assert after < before if measure == "loss" else after > before
    if config.method.generates:
        _expect_answers_with_their_rewards(run, config.method)
    resumed = prepare(run, callbacks=[], warn=print).trainer
    resumed.train(resume_from_checkpoint=str(run.paths.checkpoints / f"checkpoint-{HALF}"))
    assert losses_of(resumed) == pytest.approx(losses_of(trainer), rel=1e-5, abs=1e-6)
    monkeypatch.undo()
    plain = plain_losses(name, model=builtin_model_folder(home), out=tmp_path / "plain")
    assert losses_of(trainer) == pytest.approx(plain, rel=1e-5, abs=1e-6)
    # The adapter's dropout is refused where it would be turned off.
    assert getattr(trainer.args, "disable_dropout", False) is not config.method.drops_out


def _expect_answers_with_their_rewards(run: Run, method: MethodSettings) -> None:
    assert isinstance(method, WritingSettings)
    history = History(path=run.paths.events)
    history.follow()
    assert history.scored is not None
    assert history.scored.prompt.endswith("?")
    answers = history.scored.answers
    assert len(answers) == method.num_generations
    for each in answers:
        names = metric_names(method.rewards)
        scores = [reward.score(each.answer, "") for reward in method.rewards]
        found = [each.rewards[name] for name in names]
        compared = [reward.needs_answer or reward.needs_model for reward in method.rewards]
        assert [s for s, c in zip(found, compared, strict=True) if not c] == pytest.approx(
            [s for s, c in zip(scores, compared, strict=True) if not c]
        )
    # What each reward gives is a curve of its own.
    drawn = {metric.name for metric in method.measures}
    assert "reward" in drawn & history.curves.keys()
    assert all(f"rewards/{n}/mean" in history.curves for n in metric_names(method.rewards))
