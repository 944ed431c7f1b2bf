"""What TRL's trainers have in common that let the model write, and learn from its rewards."""

import json
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput
from trl.trainer.utils import add_fused_lm_head

from core.config.methods.writing import WritingSettings
from core.config.rewards.reward import Reward, metric_names
from core.runs.events import ScoredAnswer
from core.train.callbacks import Reporter
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer
from core.train.methods.scorer import Scorer
from core.train.tokens.question import question_of

# What the run's page shows of the answers to a prompt.
MAX_SHOWN, MAX_CHARACTERS = 8, 600


class RewardFunction:
    """A reward as TRL calls it: on all answers at once. Its name is that of its metrics."""

    def __init__(self, reward: Reward, *, name: str) -> None:
        self._reward = reward
        self.__name__ = name

    def __call__(
        self, *, completions: Sequence[str], answer: Sequence[str], **_: Any
    ) -> list[float | None]:
        pairs = zip(completions, answer, strict=True)
        return [self._reward.score(completion, reference) for completion, reference in pairs]


class ModelRewardFunction:
    """A reward model as TRL calls a function.

    TRL would join the prompt, which is tokens of another tokenizer here, to the answer's text.
    """

    def __init__(self, scorer: Scorer, *, name: str) -> None:
        self._scorer = scorer
        self.__name__ = name

    def __call__(
        self, *, completions: Sequence[str], messages: Sequence[str], **_: Any
    ) -> list[float | None]:
        pairs = zip(messages, completions, strict=True)
        answered = [
            [*json.loads(asked), {"role": "assistant", "content": said}] for asked, said in pairs
        ]
        return [*self._scorer.scores(answered)]


class RunWritingTrainer(RunTrainer):
    """A mixin for TRL's trainers that let the model write.

    The prompts of the rows are tokens already, made as TRL would make them.
    """

    # The newest prompts and answers with their rewards, by TRL's names.
    _logs: dict[str, Any]

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[Any], None, dict[str, Any]]:
        return prompts, None, {}

    def compare_with(self, base: PreTrainedModel, *, beta: float) -> None:
        """Hold the model close to a base that it is not an adapter of.

        TRL would load it by its name, at whatever commit that has today.
        """
        add_fused_lm_head(base, temperature=self.temperature)
        self.ref_model = self.accelerator.prepare_model(base, evaluation_mode=True)
        self.beta = beta

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log(logs, start_time)
        kept = self._logs
        if not self.model.training or not kept["prompt"]:
            return
        # The newest prompt, of whose answers the last are kept.
        count = min(self.num_generations, MAX_SHOWN)
        prompt, answers = kept["prompt"][-1], list(kept["completion"])[-count:]
        rewards = {name: list(scores)[-count:] for name, scores in kept["rewards"].items()}
        advantages = list(kept["advantages"])[-count:]
        scored = [
            ScoredAnswer(
                answer=answer[:MAX_CHARACTERS],
                rewards={name: _told(scores[place]) for name, scores in rewards.items()},
                advantage=advantages[place],
            )
            for place, answer in enumerate(answers)
        ]
        asked = question_of(self.processing_class, prompt)[:MAX_CHARACTERS]
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, Reporter):
                callback.tell_scored(self.state.global_step, asked, scored)

    def weight_of(self, batch: Any) -> torch.Tensor:
        """The rows as they are: what the model answers is no part of them yet."""
        return torch.tensor(len(batch))

    def _compute_loss(self, model: Any, inputs: Any) -> torch.Tensor:
        """None in an evaluation: of single answers none is better than the others."""
        if model.training:
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            return loss
        return torch.zeros((), device=self.accelerator.device)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Always by the same chance, and without a trace in that of the training."""
        learned_from = deepcopy(self._logs)
        with torch.random.fork_rng():
            torch.manual_seed(self.args.seed)
            done = super().evaluation_loop(*args, **kwargs)
        self._logs = learned_from
        done.metrics.pop(f"{kwargs.get('metric_key_prefix', 'eval')}_loss", None)
        return done

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        begun = super()._init_training_state(*args, **kwargs)
        # TRL counts from nought, and would write new answers out of turn where it has iterations.
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        return begun

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # This of TRL's trainers counts there alone.
        self._total_train_tokens = self.state.num_input_tokens_seen
        super()._save_checkpoint(model, trial)


def shared_arguments(method: WritingSettings, parts: TrainerParts) -> dict[str, Any]:
    """What TRL's configurations of these methods all take."""
    return {
        **parts.arguments,
        # Without an adapter, what it is held close to is loaded by `trainer_of`.
        "beta": method.kl_coefficient if parts.peft_config else 0.0,
        "reward_weights": [reward.weight for reward in method.rewards],
        "num_generations": method.num_generations,
        # Rewards of more prompts say more than those of more answers to each.
        "num_generations_eval": 1,
        "max_completion_length": method.max_completion_length,
        "temperature": method.temperature,
        "top_p": method.top_p,
        "epsilon": method.epsilon,
        "epsilon_high": method.epsilon_high,
        "num_iterations": method.num_iterations,
        "mask_truncated_completions": method.mask_truncated_completions,
    }


def trainer_of(
    kind: Callable[..., RunWritingTrainer], parts: TrainerParts, *, method: WritingSettings,
    args: Any,
) -> RunWritingTrainer:  # fmt: skip
    evaluation = parts.data.evaluation
    trainer = kind(
        model=parts.model,
        reward_funcs=reward_functions(method.rewards, parts.scorers),
        args=args,
        processing_class=parts.tokenizer,
        train_dataset=parts.data.train.rename_column("prompt_ids", "prompt"),
        eval_dataset=evaluation.rename_column("prompt_ids", "prompt") if evaluation else None,
        peft_config=parts.peft_config,
        callbacks=parts.callbacks,
    )
    if parts.peft_config is None and method.kl_coefficient > 0:
        trainer.compare_with(parts.load_base(), beta=method.kl_coefficient)
    return trainer


def _told(score: float) -> float | None:
    return None if math.isnan(score) else score


def reward_functions(
    rewards: Sequence[Reward], scorers: Sequence[Scorer] = ()
) -> list[Callable[..., list[float | None]]]:
    """`scorers` are those of the rewards that need a model, in their order."""
    models = iter(scorers)
    return [
        ModelRewardFunction(next(models), name=name)
        if reward.needs_model
        else RewardFunction(reward, name=name)
        for reward, name in zip(rewards, metric_names(rewards), strict=True)
    ]
