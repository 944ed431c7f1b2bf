"""Direct Preference Optimization with TRL's DPOTrainer."""

from typing import Any, ClassVar

from transformers import Trainer
from trl import DPOConfig, DPOTrainer

from core.config.methods.dpo import DpoSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer


class RunDPOTrainer(RunTrainer, DPOTrainer):
    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """The rows are tokens already, made as TRL would make them."""
        return dataset


class Dpo:
    settings: ClassVar[type[MethodSettings]] = DpoSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, DpoSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        return RunDPOTrainer(
            model=parts.model,
            # With an adapter the base is the model without it, and needs no memory of its own.
            ref_model=None if parts.peft_config else parts.load_base(),
            args=DPOConfig(
                **parts.arguments,
                max_length=method.max_length,
                beta=method.beta,
                loss_type=list(method.losses),
                loss_weights=list(method.losses.values()),
                label_smoothing=method.label_smoothing,
            ),
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
