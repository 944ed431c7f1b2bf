"""Supervised fine-tuning with TRL's SFTTrainer."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from transformers import Trainer
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from core.config.methods.settings import MethodSettings
from core.config.methods.sft import SftSettings
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer
from core.train.tokens.row_tokens import IGNORED


class RunSFTTrainer(RunTrainer, SFTTrainer):
    def weight_of(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """As many tokens as are learned from it: of each row the first is never predicted."""
        learned: torch.Tensor = (batch["labels"][:, 1:] != IGNORED).sum()
        return learned


class Sft:
    settings: ClassVar[type[MethodSettings]] = SftSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        # Packed rows get TRL's own. Asked for with `padding_free`, it would not truncate the rows.
        end_to_end = parts.padding_free and not method.packs
        collator = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
        return RunSFTTrainer(
            model=parts.model,
            args=SFTConfig(**parts.arguments, max_length=method.max_length, packing=method.packs),
            data_collator=collator if end_to_end else None,
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
