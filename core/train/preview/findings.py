"""What the rows of a look amount to: figures, warnings, and what blocks the start."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.options import DatasetFormat
from core.config.run_config import RunConfig
from core.data.preview import Bar, Statistics
from core.train.tokens.columns import LABEL
from core.train.tokens.learnable import (
    none_left,
    nothing_learned,
    require_both_labels,
    skips,
    too_long,
)
from core.train.tokens.row_tokens import Tokens
from core.train.tokens.rows import EncodedRow
from core.train.tokens.split import TOO_FEW_TO_HOLD_OUT, counted

BARS = 24
# What the token cache holds: the token and its label, and for each row two digests and its place.
BYTES_PER_TOKEN, BYTES_PER_ROW = 8, 76
MANY_TRUNCATED, MANY_DUPLICATES, LOPSIDED = 0.05, 0.01, 0.1


@dataclass
class Findings:
    """Counts of rows of one format as they are added, and what follows from them."""

    config: RunConfig
    tokenizer: PreTrainedTokenizerBase
    format: DatasetFormat
    statistics: Statistics
    lengths: list[int] = field(default_factory=list)
    # Where rows are that were skipped, each with its fault, and such as teach nothing.
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unlearned: list[str] = field(default_factory=list)
    _told: dict[str, None] = field(default_factory=dict)
    # Of all rows, be they looked at closely or not: those above the limit, and the labels.
    longer: int = 0
    labels: Counter[bool] = field(default_factory=Counter)
    _templated: int = 0

    @property
    def cut(self) -> int:
        """Tokens of a row that are used."""
        return self.config.method.longest_row

    def add(self, row: EncodedRow, *, length: int, is_copy: bool) -> None:
        """Count a row that is trained on."""
        statistics = self.statistics
        self.lengths.append(length)
        self._templated += self._has_template(row)
        statistics.rows += 1
        statistics.duplicates += is_copy
        statistics.tokens += sum(min(len(side.ids), self.cut) for side in row.sides.values())
        statistics.trained += sum(self.learned(side) for side in row.sides.values())
        statistics.truncated += length > self.cut
        statistics.empty_answers += _has_empty_answer(row)
        statistics.nothing_learned += not self.teaches(row)
        self.note(row)

    def note(self, row: EncodedRow) -> None:
        """Note what is wrong with a row, be it to train on or to evaluate with."""
        self._told |= dict.fromkeys(row.warnings)
        if not row.sides:
            self.skipped.append((row.place, row.fault))
        elif not self.teaches(row):
            self.unlearned.append(row.place)

    def learned(self, side: Tokens) -> int:
        return int(side.trained[: self.cut].sum())

    def teaches(self, row: EncodedRow) -> bool:
        learns = all(self.learned(side) for side in row.sides.values())
        return learns or self.config.method.generates or self.format is DatasetFormat.PROMPT_ONLY

    def finish(self) -> None:
        """Work out the figures that follow from all rows together."""
        statistics = self.statistics
        if self.lengths:
            statistics.shortest, statistics.longest = min(self.lengths), max(self.lengths)
            statistics.histogram = _histogram(self.lengths)
            per_row = BYTES_PER_TOKEN * sum(self.lengths) // len(self.lengths) + BYTES_PER_ROW
            statistics.token_bytes = per_row * statistics.read
        statistics.max_length = self.config.method.longest_row
        statistics.skipped = len(self.skipped)

    def check(self) -> None:
        """Raises UserError where the rows can't be trained on."""
        rows, complete = self.statistics.rows, self.statistics.complete
        if complete and rows == self.statistics.nothing_learned:
            unreadable = [place for place, _ in self.skipped]
            raise none_left(
                unreadable=unreadable, unlearned=self.unlearned, cut=self.cut,
                longer=too_long(self.longer, config=self.config),
            )  # fmt: skip
        if complete and LABEL in self.config.method.columns:
            require_both_labels(self.labels)
        if self.unlearned and not self.config.filters.drop_untrainable:
            raise nothing_learned(self.unlearned, rows=rows, cut=self.cut)

    def warnings(self, *, named_evaluation: bool) -> Iterator[str]:
        statistics = self.statistics
        rows = max(statistics.rows, 1)
        yield from self._told
        yield from skips(self.skipped)
        if statistics.truncated / rows > MANY_TRUNCATED:
            yield (
                f"{statistics.truncated / rows:.0%} of the rows are longer than the maximum length"
                f" of {statistics.max_length:,} tokens and are cut off: raise"
                " `method.max_length`, or drop long rows with `filters.max_length`."
            )
        if told := too_long(self.longer, config=self.config):
            yield told
        if self._templated:
            yield (
                "The chat template's own marks are in the text already, and would be there twice, "
                f"in {counted(self._templated)}: take them out of the data."
            )
        if statistics.duplicates / rows > MANY_DUPLICATES:
            yield (
                f"Exact copies of others: {counted(statistics.duplicates)}. Turn on "
                "`filters.drop_duplicates`."
            )
        if statistics.empty_answers:
            yield (
                f"An answer is empty in {counted(statistics.empty_answers)}, so the model would "
                "learn to say nothing: fill it in, or remove the row."
            )
        share = self.labels[True] / max(self.labels.total(), 1)
        if (
            self.format is DatasetFormat.UNPAIRED_PREFERENCE
            and not LOPSIDED <= share <= 1 - LOPSIDED
        ):
            yield (
                f"{share:.0%} of the labels are true: too few of one kind to learn from. Add rows "
                f"labeled {'true' if share < LOPSIDED else 'false'}."
            )
        elif self.labels and (told := self._imbalance()):
            yield told
        fraction = self.config.evaluation.fraction
        if fraction > 0 and not named_evaluation and statistics.evaluation_rows == 0:
            yield TOO_FEW_TO_HOLD_OUT

    def _imbalance(self) -> str | None:
        good, bad = self.labels[True], self.labels[False]
        return self.config.method.imbalance(good=good, bad=bad)

    def _has_template(self, row: EncodedRow) -> bool:
        """Whether the text has tokens in it that the chat template will add once more."""
        messages = (m for part in row.example.values() if isinstance(part, list) for m in part)
        texts = [str(message.get("content", "")) for message in messages]
        special = self.tokenizer.all_special_tokens
        return any(token in text for token in special for text in texts)


def _has_empty_answer(row: EncodedRow) -> bool:
    return any(
        message["role"] == "assistant"
        and not message["content"].strip()
        and not message.get("tool_calls")
        for message in row.example.get("messages", [])
    )


def _histogram(lengths: Sequence[int]) -> list[Bar]:
    counts, edges = np.histogram(lengths, bins=min(BARS, max(lengths)), range=(0, max(lengths)))
    pairs = zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [Bar(low=int(low), high=int(high), rows=rows) for rows, low, high in pairs]
