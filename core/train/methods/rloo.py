"""REINFORCE Leave-One-Out with TRL's RLOOTrainer."""

from typing import ClassVar

from transformers import Trainer
from trl import RLOOConfig, RLOOTrainer

from core.config.methods.rloo import RlooSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts
from core.train.methods.writing import RunWritingTrainer, shared_arguments, trainer_of


class RunRLOOTrainer(RunWritingTrainer, RLOOTrainer):
    pass


class Rloo:
    settings: ClassVar[type[MethodSettings]] = RlooSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, RlooSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        return trainer_of(
            RunRLOOTrainer,
            parts,
            method=method,
            args=RLOOConfig(
                **shared_arguments(method, parts),
                normalize_advantages=method.normalize_advantages,
            ),
        )
