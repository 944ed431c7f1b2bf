"""A look at a run's data: its rows as tokens, as far as they were read, and what they amount to."""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config import RunConfig
from core.data.files import Row
from core.data.preview import Bar, Fault, Preview, Question, ShownRow, Side
from core.errors import UserError
from core.options import DatasetShape
from core.train.division import TOO_FEW_TO_HOLD_OUT, counted, overlap
from core.train.encode import Sides, Tokens, digest_of
from core.train.learnable import check_learnable, none_readable, nothing_learned, skipped
from core.train.pieces import pieces_of
from core.train.rows import EncodedRow, RowEncoder

BATCH_ROWS = 64
# What is looked at of data that has more.
MAX_ROWS, MAX_TOKENS = 20_000, 20_000_000
MAX_SHOWN_TOKENS = 3000
BARS = 24
MANY_TRUNCATED, MANY_DUPLICATES, LOPSIDED = 0.05, 0.01, 0.1


@dataclass(frozen=True)
class Seen:
    """A row that was looked at, in little memory."""

    place: str
    sides: Sides
    label: bool | None

    @property
    def length(self) -> int:
        return max(len(tokens.ids) for tokens in self.sides.values())


@dataclass
class Look:
    """One set of data under one set of settings, as far as it has been read."""

    config: RunConfig
    tokenizer: PreTrainedTokenizerBase
    sources: list[RowEncoder]
    preview: Preview
    # What is only evaluated with: some of its rows, or all of them, are looked at beforehand.
    evaluation: list[RowEncoder] = field(default_factory=list)
    rows: list[Seen] = field(default_factory=list)
    # Rows to evaluate with, by the digest of their tokens; and those that are trained on as well.
    _held_out: dict[bytes, str] = field(default_factory=dict)
    _overlapping: set[str] = field(default_factory=set)
    _digests: set[bytes] = field(default_factory=set)
    _unlearned: list[str] = field(default_factory=list)
    _skipped: list[str] = field(default_factory=list)
    _positive: int = 0
    _templated: int = 0

    def __post_init__(self) -> None:
        self._batches = _in_turn(self.sources)
        self._filters = self.sources[0].source.filters

    @property
    def cut(self) -> int:
        """Tokens of a row that are kept. What is packed is split, not cut off."""
        method = self.config.method
        return sys.maxsize if method.packing else method.max_length

    def look_at_evaluation(self, *, rows: int) -> None:
        """Look at so many rows of each source to evaluate with.

        Raises UserError at a row that can't be formatted.
        """
        for source in self.evaluation:
            left = islice(source.rows, rows)
            while batch := list(islice(left, BATCH_ROWS)):
                for row in source.encode(batch):
                    self._hold(row)

    def _hold(self, row: EncodedRow) -> None:
        if not row.sides:
            if row.fault:
                self._skipped.append(row.place)
            return
        self._held_out[digest_of(row.sides)] = row.place
        if not self._teaches(row):
            self._unlearned.append(row.place)

    def read_on(self, *, until: Callable[[], bool], to_the_end: bool) -> None:
        """Look at more rows until there is no more, or enough.

        Raises UserError at a row that can't be formatted.
        """
        statistics = self.preview.statistics
        while not statistics.complete and not until():
            full = len(self.rows) >= MAX_ROWS or statistics.tokens >= MAX_TOKENS
            if full and not to_the_end:
                return
            found = next(self._batches, None)
            if found is None:
                statistics.complete = True
                return
            source, rows = found
            statistics.read += len(rows)
            # Beyond what is looked at it is enough that each can be formatted.
            for row in source.format(rows) if full else source.encode(rows):
                self._add(row)

    def finish(self) -> None:
        """Work out what all that was read amounts to."""
        statistics = self.preview.statistics
        lengths = [row.length for row in self.rows]
        if lengths:
            statistics.shortest, statistics.longest = min(lengths), max(lengths)
            statistics.histogram = _histogram(lengths)
        statistics.max_length = self.config.method.max_length
        statistics.skipped = len(self._skipped)
        self.preview.warnings = list(self._warnings())
        if self.preview.fault is None:
            self.preview.fault = self._fault()

    def shown(self, question: Question) -> list[ShownRow]:
        return [self._show(index) for index in self._indexes(question)]

    def _add(self, row: EncodedRow) -> None:
        if not row.sides:
            if row.fault:
                self._skipped.append(row.place)
            return
        filters, statistics = self._filters, self.preview.statistics
        seen = Seen(row.place, row.sides, row.example.get("label"))
        if not (filters.min_length or 0) <= seen.length <= (filters.max_length or seen.length):
            return
        digest = digest_of(row.sides)
        if filters.duplicates and digest in self._digests:
            return
        self.rows.append(seen)
        self._positive += seen.label is True
        self._templated += self._has_template(row)
        if digest in self._held_out:
            self._overlapping.add(self._held_out[digest])
        statistics.duplicates += digest in self._digests
        self._digests.add(digest)
        statistics.rows += 1
        statistics.tokens += sum(min(len(side.ids), self.cut) for side in row.sides.values())
        statistics.trained += sum(self._learned(side) for side in row.sides.values())
        statistics.truncated += seen.length > self.cut
        statistics.empty_answers += _has_empty_answer(row)
        if not self._teaches(row):
            statistics.nothing_learned += 1
            self._unlearned.append(row.place)

    def _teaches(self, row: EncodedRow) -> bool:
        learns = all(self._learned(side) for side in row.sides.values())
        return learns or self.preview.shape is DatasetShape.PROMPTS

    def _all(self) -> list[RowEncoder]:
        return [*self.sources, *self.evaluation]

    def _learned(self, side: Tokens) -> int:
        return int(side.trained[: self.cut].sum())

    def _has_template(self, row: EncodedRow) -> bool:
        """Whether the text has tokens in it that the chat template will add once more."""
        messages = (m for part in row.example.values() if isinstance(part, list) for m in part)
        texts = [str(message.get("content", "")) for message in messages]
        special = self.tokenizer.all_special_tokens
        return any(token in text for token in special for text in texts)

    def _fault(self) -> Fault | None:
        statistics = self.preview.statistics
        try:
            for source in self.sources:
                check_learnable(source.mapping.shape, field=source.source.shape_field)
            if self._overlapping:
                raise overlap(sorted(self._overlapping), field=self.evaluation[0].source.field)
            all_unlearned = statistics.complete and statistics.nothing_learned == len(self.rows)
            if self._unlearned and (all_unlearned or not self._filters.untrainable):
                raise nothing_learned(self._unlearned, rows=len(self.rows), cut=self.cut)
            if statistics.complete and not self.rows:
                if self._skipped:
                    raise none_readable(self._skipped)
                raise UserError(
                    "The filters leave no row to train on.", hint="Loosen them.",
                    field="filters.min_length",
                )  # fmt: skip
        except UserError as error:
            return Fault.of(error)
        return None

    def _warnings(self) -> Iterator[str]:
        statistics = self.preview.statistics
        rows = max(statistics.rows, 1)
        yield from dict.fromkeys(text for made in self._all() for text in made.encoder.warnings)
        yield from dict.fromkeys(text for made in self._all() for text in made.guesses)
        if self._skipped:
            yield skipped(self._skipped)
        if statistics.truncated / rows > MANY_TRUNCATED:
            yield (
                f"{statistics.truncated / rows:.0%} of the rows are longer than the max length of "
                f"{statistics.max_length:,} tokens and are cut off: raise it, or drop long rows."
            )
        if self._templated:
            yield (
                "The chat template's own marks are in the text already, and would be there twice, "
                f"in {counted(self._templated)}: take them out of the data."
            )
        if statistics.duplicates / rows > MANY_DUPLICATES:
            yield (
                f"Exact copies of others: {counted(statistics.duplicates)}. Turn on 'Drop "
                "duplicates' under Filters."
            )
        if statistics.empty_answers:
            yield (
                f"An answer is empty in {counted(statistics.empty_answers)}, which teaches to say "
                "nothing: fill it in, or take it out of the data."
            )
        share = self._positive / rows
        if self.preview.shape is DatasetShape.RATED and not LOPSIDED <= share <= 1 - LOPSIDED:
            yield (
                f"{share:.0%} of the ratings are good: of so few of one kind little is learned. "
                f"Add rows that are rated {'good' if share < LOPSIDED else 'bad'}."
            )
        if self._can_not_hold_out():
            yield TOO_FEW_TO_HOLD_OUT

    def _can_not_hold_out(self) -> bool:
        fraction, statistics = self.config.evaluation.fraction, self.preview.statistics
        few = statistics.complete and round(statistics.rows * fraction) == 0
        return few and fraction > 0 and not self.evaluation

    def _indexes(self, question: Question) -> list[int]:
        count = len(self.rows)
        if count == 0:
            return []
        lengths = [row.length for row in self.rows]
        match question.jump:
            case "longest":
                return [lengths.index(max(lengths))]
            case "shortest":
                return [lengths.index(min(lengths))]
            case "random":
                return [random.randrange(count)]  # noqa: S311
            case "truncated":
                return [index for index, length in enumerate(lengths) if length > self.cut][:1]
            case _:
                return list(range(count))[question.start : question.start + question.count]

    def _show(self, index: int) -> ShownRow:
        row = self.rows[index]
        sides = [self._side(name, tokens) for name, tokens in row.sides.items()]
        return ShownRow(index=index, place=row.place, sides=sides, label=row.label)

    def _side(self, name: str, tokens: Tokens) -> Side:
        shown = tokens.ids[:MAX_SHOWN_TOKENS].tolist()
        marks = tokens.trained.tolist()
        return Side(
            name=name,
            tokens=len(tokens.ids),
            trained=self._learned(tokens),
            pieces=list(pieces_of(self.tokenizer, shown, marks, cut=self.cut)),
            left_out=len(tokens.ids) - len(shown),
        )


def _in_turn(sources: list[RowEncoder]) -> Iterator[tuple[RowEncoder, list[Row]]]:
    """Some rows of each source by turns, so that one sees rows of all of them early."""
    left = list(sources)
    while left:
        for source in list(left):
            if rows := list(islice(source.rows, BATCH_ROWS)):
                yield source, rows
            else:
                left.remove(source)


def _has_empty_answer(row: EncodedRow) -> bool:
    return any(
        message["role"] == "assistant"
        and not message["content"].strip()
        and not message.get("tool_calls")
        for message in row.example.get("messages", [])
    )


def _histogram(lengths: list[int]) -> list[Bar]:
    counts, edges = np.histogram(lengths, bins=min(BARS, max(lengths)), range=(0, max(lengths)))
    pairs = zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [Bar(low=int(low), high=int(high), rows=rows) for rows, low, high in pairs]
