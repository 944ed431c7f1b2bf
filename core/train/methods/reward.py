"""Reward modeling with TRL's RewardTrainer."""

from typing import ClassVar

from transformers import Trainer
from trl import RewardConfig, RewardTrainer

from core.config.methods.reward import RewardSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer


class RunRewardTrainer(RunTrainer, RewardTrainer):
    pass


class Reward:
    settings: ClassVar[type[MethodSettings]] = RewardSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, RewardSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        return RunRewardTrainer(
            model=parts.model,
            args=RewardConfig(
                **parts.arguments,
                max_length=method.max_length,
                center_rewards_coefficient=method.center_rewards_coefficient,
            ),
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
