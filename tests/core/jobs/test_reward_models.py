"""What can be known of a reward model before a run starts is told then."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.config.check import Context
from core.config.parse import parse_config
from core.errors import UserError
from core.jobs.reward_models import check_reward_models
from tests.core.conftest import NEAR_TOKEN
from tests.core.train.reward_run import make_reward_run
from tests.hub import HubDouble

pytestmark = pytest.mark.process

RUN = "20260101-000000-0123abcd"
GOOD = {
    "model_type": "llama",
    "architectures": ["LlamaForSequenceClassification"],
    "id2label": {"0": "LABEL_0"},
}
TALKS = {"chat_template": "{{ messages }}"}


def check(home: Path, line: str) -> list[str]:
    method = {"name": "grpo", "rewards": ["length", line]}
    config = parse_config({"method": method, "dataset": {"builtin": "sums"}})
    context = Context(files={}, home=home, token=NEAR_TOKEN, report=lambda _: None)
    return check_reward_models(config, context)


def add(hub: HubDouble, name: str, settings: dict[str, Any], **files: Any) -> str:
    tokenizer = json.dumps(files.pop("tokenizer", TALKS)).encode()
    held = {"model.safetensors": b"0" * 1000, "tokenizer_config.json": tokenizer} | files
    hub.add_repo(repo_id=name, files={"config.json": json.dumps(settings).encode(), **held})
    return name


@pytest.mark.parametrize("near_hub", [False], indirect=True)
def test_a_model_of_the_hub_is_looked_at(near_hub: HubDouble, tmp_path: Path) -> None:
    good = add(near_hub, "acme/good", GOOD)
    (told,) = check(tmp_path, f"model id={good}")
    assert "acme/good is held in memory" in told
    bare = {name: value for name, value in GOOD.items() if name != "id2label"}
    wrong = {
        add(near_hub, "acme/causal", GOOD | {"architectures": ["LlamaForCausalLM"]}): "not saved",
        add(near_hub, "acme/three", GOOD | {"id2label": {"0": "a", "1": "b", "2": "c"}}): "gives 3",
        add(near_hub, "acme/two", bare): "gives 2 scores",
        add(near_hub, "acme/own", GOOD | {"model_type": "mine", "auto_map": {}}): "kind 'mine'",
        add(near_hub, "acme/silent", GOOD, tokenizer={}): "no chat template",
        "acme/nowhere": "can't find the model acme/nowhere",
        f"{good} revision=gone": "no such revision",
    }
    for name, words in wrong.items():
        with pytest.raises(UserError, match=words) as caught:
            check(tmp_path, f"model id={name}")
        assert caught.value.field == "method.rewards"


def test_a_run_is_one_that_made_a_reward_model(home: Path) -> None:
    with pytest.raises(UserError, match="There is no run"):
        check(home, f"model run={RUN}")
    run = make_reward_run(home, run_id=RUN)
    (told,) = check(home, f"model run={RUN}")
    assert f"the run {RUN} is held in memory" in told
    run.paths.model.rename(run.paths.merged)
    with pytest.raises(UserError, match="has no model yet"):
        check(home, f"model run={RUN}")
    run.paths.config.write_text(parse_config({}).to_yaml())
    with pytest.raises(UserError, match="makes no reward model") as caught:
        check(home, f"model run={RUN}")
    assert caught.value.field == "method.rewards"
