"""Odds Ratio Preference Optimization with TRL's ORPOTrainer."""

from typing import ClassVar

from transformers import Trainer

from core.config.methods.orpo import OrpoSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts, settle_padding
from core.train.methods.experimental import ORPOConfig, ORPOTrainer, RunPairTrainer


class RunORPOTrainer(RunPairTrainer, ORPOTrainer):
    pass


class Orpo:
    settings: ClassVar[type[MethodSettings]] = OrpoSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, OrpoSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        settle_padding(parts.tokenizer)
        return RunORPOTrainer(
            model=parts.model,
            args=ORPOConfig(
                **parts.arguments,
                # Its collator takes other columns than a model does.
                remove_unused_columns=False,
                max_length=method.max_length,
                beta=method.beta,
            ),
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
