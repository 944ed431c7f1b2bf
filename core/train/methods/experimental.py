"""What of TRL is experimental, and what those trainers for pairs of answers have in common."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch

from core.train.methods.run_trainer import RunTrainer
from core.train.tokens.row_tokens import IGNORED

with warnings.catch_warnings(action="ignore"):
    # It warns that these may change, which the form says of each.
    from trl.experimental.cpo import CPOConfig, CPOTrainer
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

__all__ = ["CPOConfig", "CPOTrainer", "ORPOConfig", "ORPOTrainer", "RunPairTrainer"]


class RunPairTrainer(RunTrainer):
    """A mixin for ORPO's and CPO's trainer, which keep their figures otherwise than others do."""

    _total_train_tokens = 0

    def tokenize_row(self, feature: Mapping[str, Any], model: Any = None) -> dict[str, list[int]]:
        """The rows are tokens already, made as TRL would make them: these are other columns."""
        del model
        prompt, made = feature["prompt_ids"], {}
        for side in ("chosen", "rejected"):
            answer = feature[f"{side}_ids"][: max(0, self.max_length - len(prompt))]
            made[f"{side}_input_ids"] = prompt + answer
            made[f"{side}_attention_mask"] = [1] * len(prompt + answer)
            made[f"{side}_labels"] = [IGNORED] * len(prompt) + answer
        return made

    def weight_of(self, batch: Mapping[str, Any]) -> torch.Tensor:
        return torch.tensor(len(batch["chosen_labels"]))

    def evaluated(self) -> dict[str, list[float]]:
        figures: dict[str, list[float]] = self._stored_metrics["eval"]
        return figures

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """TRL's own don't count tokens."""
        masks = [inputs[f"{side}_attention_mask"] for side in ("chosen", "rejected")]
        tokens = torch.stack([mask.sum() for mask in masks]).sum().to(self.args.device)
        self._total_train_tokens += int(self.accelerator.gather_for_metrics(tokens).sum())
        return super().training_step(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs["num_tokens"] = self._total_train_tokens
        super().log(logs, start_time)
