"""Supervised fine-tuning with TRL's SFTTrainer."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from core.config.methods.settings import MethodSettings
from core.config.methods.sft import SftSettings
from core.config.options import Sampling
from core.train.methods.base import TrainerParts
from core.train.methods.run_trainer import RunTrainer
from core.train.tokens.row_tokens import IGNORED


class RunSFTTrainer(RunTrainer, SFTTrainer):
    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        sampler = super()._get_train_sampler(*args, **kwargs)
        if isinstance(sampler, LengthGroupedSampler):
            return _GroupedByLength(sampler.batch_size, lengths=sampler.lengths)
        return sampler

    def weight_of(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """As many tokens as are learned from it: of each row the first is never predicted."""
        learned: torch.Tensor = (batch["labels"][:, 1:] != IGNORED).sum()
        return learned


class _GroupedByLength(LengthGroupedSampler):
    """Of each epoch the same order whenever a run goes on: transformers' goes on with chance."""

    def set_epoch(self, epoch: int) -> None:
        self.generator = torch.Generator().manual_seed(epoch)


class Sft:
    settings: ClassVar[type[MethodSettings]] = SftSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method = parts.config.method
        if not isinstance(method, SftSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        # Packed rows get TRL's own. Asked for with `padding_free`, it would not truncate the rows.
        end_to_end = parts.padding_free and not method.packs
        collator = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
        return RunSFTTrainer(
            model=parts.model,
            args=SFTConfig(
                **parts.arguments,
                max_length=method.max_length,
                packing=method.packs,
                train_sampling_strategy=_order(method, has_padding=not parts.padding_free).value,
                neftune_noise_alpha=method.neftune_noise_alpha,
            ),
            data_collator=collator if end_to_end else None,
            processing_class=parts.tokenizer,
            train_dataset=parts.data.train,
            eval_dataset=parts.data.evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )


def _order(method: SftSettings, *, has_padding: bool) -> Sampling:
    """Without padding there is nothing to gain by length."""
    if method.groups_by_length and not has_padding:
        return Sampling.RANDOM
    return method.train_sampling_strategy
