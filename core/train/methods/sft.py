"""Supervised fine-tuning with TRL's SFTTrainer."""

from typing import ClassVar

from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from core.config.methods.settings import MethodSettings
from core.config.methods.sft import SftSettings
from core.train.fused_head import use_fused_head
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer


class RunSFTTrainer(RunTrainer, SFTTrainer):
    pass


class Sft:
    settings: ClassVar[type[MethodSettings]] = SftSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        use_fused_head()
        return RunSFTTrainer(
            model=parts.model,
            args=SFTConfig(**parts.arguments, max_length=method.max_length, packing=method.packs),
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
