"""Contrastive Preference Optimization with TRL's CPOTrainer."""

from typing import ClassVar

from transformers import Trainer

from core.config.methods.cpo import CpoSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts, settle_padding
from core.train.methods.experimental import CPOConfig, CPOTrainer, RunPairTrainer


class RunCPOTrainer(RunPairTrainer, CPOTrainer):
    pass


class Cpo:
    settings: ClassVar[type[MethodSettings]] = CpoSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, CpoSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        settle_padding(parts.tokenizer)
        return RunCPOTrainer(
            model=parts.model,
            args=CPOConfig(
                **parts.arguments,
                # Its collator takes other columns than a model does.
                remove_unused_columns=False,
                max_length=method.max_length,
                beta=method.beta,
                cpo_alpha=method.cpo_alpha,
                loss_type=method.cpo_loss_type.value,
                simpo_gamma=method.simpo_gamma,
                alpha=method.shape,
            ),
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
