"""Kahneman-Tversky Optimization with TRL's KTOTrainer."""

from dataclasses import dataclass
from typing import Any, ClassVar

from datasets import Dataset
from transformers import Trainer
from trl import KTOConfig, KTOTrainer
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

from core.config.methods.kto import KtoSettings
from core.config.methods.settings import MethodSettings
from core.train.methods.base import TrainerParts, settle_padding
from core.train.methods.run_trainer import RunTrainer


@dataclass
class Collator(DataCollatorForUnpairedPreference):
    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Give each prompt the answer before it as well, as TRL does in `_prepare_dataset`.

        There it goes through all rows by the batch, which streamed ones have no end for.
        """
        answers = [example["completion_ids"] for example in examples]
        turned = [answers[-1], *answers[:-1]]
        return dict(
            super().torch_call(
                [
                    example | {"KL_completion_ids": answer}
                    for example, answer in zip(examples, turned, strict=True)
                ]
            )
        )


class RunKTOTrainer(RunTrainer, KTOTrainer):
    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """The rows are tokens already, made as TRL would make them."""
        return dataset


class Kto:
    settings: ClassVar[type[MethodSettings]] = KtoSettings

    def make_trainer(self, parts: TrainerParts) -> Trainer:
        method, seed = parts.config.method, parts.config.training.seed
        if not isinstance(method, KtoSettings):
            raise TypeError(f"These are the settings of {method.name}.")
        tokenizer = parts.tokenizer
        settle_padding(tokenizer)
        # TRL takes rows in their order, and many files have all of one label first. The two answers
        # of a pair are neighbours, and the one would be read after the other's prompt: its own.
        train, evaluation = (
            rows.shuffle(seed=seed) if isinstance(rows, Dataset) else rows
            for rows in (parts.data.train, parts.data.evaluation)
        )
        return RunKTOTrainer(
            model=parts.model,
            # With an adapter the base is the model without it, and needs no memory of its own.
            ref_model=None if parts.peft_config else parts.load_base(),
            args=KTOConfig(
                **parts.arguments,
                max_length=method.max_length,
                beta=method.beta,
                desirable_weight=method.desirable_weight,
                undesirable_weight=method.undesirable_weight,
            ),
            data_collator=Collator(
                pad_token_id=tokenizer.pad_token_id, max_length=method.max_length
            ),
            processing_class=tokenizer,
            train_dataset=train,
            eval_dataset=evaluation,
            peft_config=parts.peft_config,
            callbacks=parts.callbacks,
        )
