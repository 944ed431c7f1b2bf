"""A reward model as TRL asks it: what it gives a prompt with its answer, by its own tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.data_utils import apply_chat_template

from core.data.messages import Message


@dataclass(frozen=True)
class Scorer:
    """The score is read at the last token that is no padding, so the two must agree on that."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def __post_init__(self) -> None:
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model.config.get_text_config().pad_token_id = self.tokenizer.pad_token_id

    def scores(self, conversations: Sequence[list[Message]]) -> list[float]:
        texts = [
            apply_chat_template({"messages": messages}, self.tokenizer)["text"]
            for messages in conversations
        ]
        inputs = self.tokenizer(
            text=texts, return_tensors="pt", padding=True, padding_side="right",
            add_special_tokens=False,
        ).to(self.model.device)  # fmt: skip
        with torch.inference_mode():
            given: list[float] = self.model(**inputs).logits[:, 0].float().tolist()
        return given
