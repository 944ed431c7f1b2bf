"""Group Relative Policy Optimization with TRL's GRPOTrainer."""

from typing import ClassVar

from transformers import Trainer
from trl import GRPOConfig, GRPOTrainer

from core.config.methods.grpo import GrpoSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts
from core.train.methods.writing import RunWritingTrainer, shared_arguments, trainer_of


class RunGRPOTrainer(RunWritingTrainer, GRPOTrainer):
    pass


class Grpo:
    settings: ClassVar[type[MethodSettings]] = GrpoSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, GrpoSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        return trainer_of(
            RunGRPOTrainer,
            parts,
            method=method,
            args=GRPOConfig(
                **shared_arguments(method, parts),
                loss_type=method.grpo_loss_type.value,
                scale_rewards=method.scale_rewards.value,
            ),
        )
