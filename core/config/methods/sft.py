"""Supervised fine-tuning: learn to give the answers in the data."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from core.config.methods.settings import MethodMetric, MethodSettings
from core.config.options import DatasetFormat, Sampling, Switch
from core.config.setting import setting


class SftSettings(MethodSettings):
    title: ClassVar = "supervised fine-tuning"
    about: ClassVar = (
        "Learns to give the answers in the data: the first choice for a new task, format or "
        "field, and the start of most others. Wants conversations, or prompts with their "
        "completions, or plain text."
    )
    formats: ClassVar = (
        DatasetFormat.MESSAGES,
        DatasetFormat.PROMPT_COMPLETION,
        DatasetFormat.TEXT,
    )
    columns: ClassVar = ("input_ids", "labels")
    drops_out: ClassVar = True
    metrics: ClassVar = (MethodMetric("mean_token_accuracy", "Token accuracy"),)
    learning_rates: ClassVar = (1e-5, 1e-3)
    # For all weights TRL's own default; the built-in model, which is small, learns from its few
    # built-in rows with this much.
    adapter_learning_rate: ClassVar = 1e-3
    full_learning_rate: ClassVar = 2e-5

    name: Literal["sft"] = "sft"
    assistant_only_loss: bool = setting(
        True, label="Loss on answers only", basic=True,
        help="Learn the answers and not the prompts. Plain text has no answers: turn it off.",
    )  # fmt: skip
    packing: bool = setting(
        False, label="Packing",
        help="Join short rows into sequences of the maximum length: faster where most are short.",
    )  # fmt: skip

    padding_free: Switch = setting(
        Switch.AUTO, label="Padding-free batches",
        help="Join the rows of a batch instead of padding them. `auto`: where the model can "
        "separate them at no cost.",
    )  # fmt: skip
    train_sampling_strategy: Sampling = setting(
        Sampling.RANDOM, label="Order of rows",
        help="Grouped by length, rows of a batch need less padding. Sequential: as in the data.",
    )  # fmt: skip
    neftune_noise_alpha: float | None = setting(
        None, label="NEFTune noise alpha", gt=0, le=100,
        help="Noise on the embeddings in training, against overfitting. 5 is usual; empty, none.",
    )  # fmt: skip

    @property
    def learns_answers_only(self) -> bool:
        return self.assistant_only_loss

    @property
    def packs(self) -> bool:
        return self.packing

    @property
    def rows_end_to_end(self) -> Switch:
        if self.packing:
            return Switch.ON
        if self.neftune_noise_alpha is not None and self.padding_free is Switch.AUTO:
            # transformers scales the noise by the length of what the model reads at once.
            return Switch.OFF
        return self.padding_free

    @property
    def groups_by_length(self) -> bool:
        return self.train_sampling_strategy is Sampling.GROUPED

    def conflicts(self) -> Iterator[tuple[str, str]]:
        if self.groups_by_length and self.rows_end_to_end is Switch.ON:
            yield (
                "train_sampling_strategy",
                ("Without padding there is nothing to gain by length: use `random`."),
            )
        is_joined = self.padding_free is Switch.ON and not self.packing
        if self.neftune_noise_alpha is not None and is_joined:
            yield (
                "padding_free",
                (
                    "NEFTune's noise goes by the length of a row, which would be that of the whole "
                    "batch: use `auto` or `off`."
                ),
            )

    @property
    def description(self) -> str:
        masked = ", with the loss on the answers only" if self.assistant_only_loss else ""
        return f"{self.title}{masked}"
