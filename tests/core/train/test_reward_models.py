"""A reward model gives what transformers has it give, wherever it comes from."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from core.builtin.model import builtin_model_folder
from core.config.parse import parse_config
from core.config.run_config import RunConfig
from core.errors import UserError
from core.train.methods.scorer import Scorer
from core.train.reward_models import load_reward_models
from tests.core.train.reward_run import make_reward_run, reward_model

pytestmark = pytest.mark.process

RUN = "20260101-000000-0123abcd"
TALKS: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}],
    [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello, how are you today?"},
    ],
]


def asking(line: str) -> RunConfig:
    method = {"name": "grpo", "rewards": ["length", line]}
    return parse_config({"method": method, "dataset": {"builtin": "sums"}})


def loaded(home: Path, line: str) -> Scorer:
    (scorer,), _ = load_reward_models(asking(line), home=home, precision="float32", before={})
    return scorer


def alone(model: PreTrainedModel | PeftModel, folder: Path) -> list[float]:
    """What a model gives each conversation by itself, without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = []
    for talk in TALKS:
        text = tokenizer.apply_chat_template(talk, tokenize=False)
        inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            given.append(float(model(**inputs).logits[0, 0]))
    return given


@pytest.mark.parametrize("has_adapter", [False, True])
def test_the_model_of_a_run_scores_as_it_was_trained_to(home: Path, has_adapter: bool) -> None:
    run = make_reward_run(home, run_id=RUN, has_adapter=has_adapter)
    if has_adapter:
        base = reward_model(builtin_model_folder(home))
        plain: Any = PeftModel.from_pretrained(base, str(run.paths.model))
    else:
        plain = AutoModelForSequenceClassification.from_pretrained(run.paths.model)
    wanted = alone(plain.eval(), run.paths.model)
    assert len(set(wanted)) == 2
    scorer = loaded(home, f"model run={RUN}")
    assert scorer.scores(TALKS) == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert not any(weight.requires_grad for weight in scorer.model.parameters())


def test_a_model_without_its_head_or_a_template_is_refused(home: Path) -> None:
    run = make_reward_run(home, run_id=RUN)
    path = run.paths.model / "model.safetensors"
    whole = load_file(path)
    save_file({k: w for k, w in whole.items() if k != "score.weight"}, path, {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks score\.weight") as caught:
        loaded(home, f"model run={RUN}")
    assert caught.value.field == "method.rewards"
    save_file(whole, path, {"format": "pt"})
    (run.paths.model / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="has no chat template"):
        loaded(home, f"model run={RUN}")
    shutil.rmtree(run.paths.root)
    with pytest.raises(UserError, match="There is no run"):
        loaded(home, f"model run={RUN}")
