"""Whether the reward models that a run names can give it scores: from their settings alone."""

from collections.abc import Mapping
from typing import Any

from core.config.check import Context
from core.config.methods.writing import WritingSettings
from core.config.rewards.reward_model import RewardModel
from core.config.run_config import RunConfig
from core.errors import UserError
from core.hub.base_model import ADAPTER, CLASSIFIERS, CONFIG, known_kinds, weight_bytes
from core.hub.lookups import model_config, model_info
from core.machine.disk import require_room
from core.runs.store import RunStore

FIELD = "method.rewards"
TEMPLATE, TOKENIZER = "chat_template.jinja", "tokenizer_config.json"
CLASSIFIER = "ForSequenceClassification"


def check_reward_models(config: RunConfig, context: Context) -> list[str]:
    method = config.method
    found = method.reward_models if isinstance(method, WritingSettings) else []
    if found:
        context.report("Checking the reward models…")
    return [_checked(reward, context) for reward in found]


def _checked(reward: RewardModel, context: Context) -> str:
    """What a person should know of it. Raises UserError at the rewards where it can't be used."""
    size = _require_run(reward.run, context) if reward.run else _require_hub_model(reward, context)
    return (
        f"The reward model {reward.what} is held in memory beside the model that it scores: "
        f"{size / 1e9:.1f} GB of weights."
    )


def _require_run(run_id: str, context: Context) -> int:
    store = RunStore(context.home)
    if not store.has(run_id):
        raise UserError(
            f"There is no run {run_id} here.", hint="Name one as its page does.", field=FIELD
        )
    run = store.open(run_id)
    if not run.config().method.scores:
        raise UserError(
            f"The run {run_id} makes no reward model.",
            hint="Name one that was trained with the method `reward`.",
            field=FIELD,
        )
    if not run.paths.model.is_dir():
        raise UserError(
            f"The run {run_id} has no model yet.", hint="Let it train to its end.", field=FIELD
        )
    return sum(path.stat().st_size for path in run.paths.model.rglob("*.safetensors"))


def _require_hub_model(reward: RewardModel, context: Context) -> int:
    name, token = str(reward.id), context.token
    info = model_info(
        name, revision=reward.revision, token=token, field=FIELD, revision_field=FIELD
    )
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if ADAPTER in files and CONFIG not in files:
        raise UserError(
            f"{name} is an adapter, and not a model of its own.",
            hint="Name a merged copy of it and its base.",
            field=FIELD,
        )
    settings = model_config(name, revision=info.sha, token=token, field=FIELD)
    weights = weight_bytes(files)
    if (fault := _fault(settings)) or not weights:
        raise UserError(
            f"{name} can't be used as a reward model: "
            f"{fault or 'it has no safetensors files, and no other kind of weights is opened'}.",
            hint="Name a sequence classification model with a single label.",
            field=FIELD,
        )
    if TEMPLATE not in files:
        read = model_config(name, revision=info.sha, token=token, file=TOKENIZER, field=FIELD)
        if not read.get("chat_template"):
            raise UserError(
                f"{name} has no chat template, so it can't read a prompt with its answer.",
                hint="Name a reward model for conversations.",
                field=FIELD,
            )
    require_room(
        weights, home=context.home, what="Downloading the reward model", field=FIELD,
        hint="Delete old runs or caches.",
    )  # fmt: skip
    return weights


def _fault(settings: Mapping[str, Any]) -> str | None:
    """What makes its config.json that of no reward model."""
    kind, stated = str(settings.get("model_type") or ""), settings.get("architectures")
    if kind not in known_kinds(CLASSIFIERS):
        return f"transformers has no model of the kind {kind!r} that gives a score"
    if not any(CLASSIFIER in str(each) for each in (stated if isinstance(stated, list) else [])):
        return "it was not saved as one that gives a score"
    labels = settings.get("id2label")
    # transformers' default is two.
    count = len(labels) if isinstance(labels, dict) else settings.get("num_labels", 2)
    return None if count == 1 else f"it gives {count} scores, and not one"
