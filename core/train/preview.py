"""Answers what the model will see: python -m core.train.preview

One question a line comes in on standard input, one answer a line goes out, both JSON. It goes the
trainer's own way: the same reading, the same columns, the same tokens.
"""

import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# Tokenizers need no torch, and the seconds and the memory that it takes are the person's.
sys.modules["torch"] = None  # type: ignore[assignment]

import numpy as np  # noqa: E402
from transformers.tokenization_utils_base import PreTrainedTokenizerBase  # noqa: E402

from core.builtin import builtin_dataset_files  # noqa: E402
from core.config import RunConfig  # noqa: E402
from core.data.files import Row, read_rows  # noqa: E402
from core.data.hub_rows import stream_hub_split  # noqa: E402
from core.data.preview import (  # noqa: E402
    Bar,
    Fault,
    Preview,
    Question,
    ShownRow,
    Side,
    limit_memory,
    too_large,
)
from core.data.sources import PlacedExample, map_rows  # noqa: E402
from core.errors import UserError  # noqa: E402
from core.hub import dataset_info  # noqa: E402
from core.options import DatasetShape, DatasetSource  # noqa: E402
from core.settings import load_settings  # noqa: E402
from core.train.data import check_learnable, nothing_learned, overlap  # noqa: E402
from core.train.encode import Encoder, Tokens  # noqa: E402
from core.train.pieces import pieces_of  # noqa: E402
from core.train.tokenizer import ModelSource, load_tokenizer  # noqa: E402

# By now they know that there is none; datasets takes its name alone for its presence.
del sys.modules["torch"]

BATCH_ROWS = 64
# What is looked at of data that has more.
MAX_ROWS, MAX_TOKENS = 20_000, 20_000_000
MAX_SHOWN_TOKENS = 3000
BARS = 24
MANY_TRUNCATED, MANY_DUPLICATES, LOPSIDED = 0.05, 0.01, 0.1
HELD_OUT_ROWS = 500


@dataclass(frozen=True)
class Seen:
    """A row that was looked at, in little memory: per side the tokens, and which are learned."""

    place: str
    sides: dict[str, tuple[np.ndarray, np.ndarray]]
    label: bool | None

    @property
    def length(self) -> int:
        return max(len(ids) for ids, _ in self.sides.values())


@dataclass
class Look:
    """One set of data under one set of settings, as far as it has been read."""

    config: RunConfig
    tokenizer: PreTrainedTokenizerBase
    encoder: Encoder
    examples: Iterator[PlacedExample]
    preview: Preview
    rows: list[Seen] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    unlearned: list[str] = field(default_factory=list)
    # Rows of the split that is for evaluation, and those of them that are trained on as well.
    held_out: dict[bytes, str] = field(default_factory=dict)
    overlapping: set[str] = field(default_factory=set)
    positive: int = 0
    templated: int = 0

    @property
    def cut(self) -> int:
        """Tokens of a row that are kept. What is packed is split, not cut off."""
        method = self.config.method
        return sys.maxsize if method.packing else method.max_length

    def read_on(self, *, until: Callable[[], bool], to_the_end: bool) -> None:
        """Look at more rows until there is no more, or enough, or a row that can't be formatted."""
        statistics = self.preview.statistics
        while not statistics.complete and not until():
            full = len(self.rows) >= MAX_ROWS or statistics.tokens >= MAX_TOKENS
            if full and not to_the_end:
                return
            batch = list(islice(self.examples, BATCH_ROWS))
            statistics.read += len(batch)
            statistics.complete = len(batch) < BATCH_ROWS
            if full or not batch:
                continue
            places = [placed.place for placed in batch]
            encoded = self.encoder.encode([placed.example for placed in batch], places)
            for placed, sides in zip(batch, encoded, strict=True):
                self._add(placed, sides)

    def _add(self, placed: PlacedExample, sides: dict[str, Tokens]) -> None:
        filters, statistics = self.config.filters, self.preview.statistics
        longest = max(len(tokens.ids) for tokens in sides.values())
        if longest < (filters.min_length or 0) or longest > (filters.max_length or longest):
            return
        kept = {name: _compact(tokens) for name, tokens in sides.items()}
        label = placed.example.get("label")
        self.rows.append(Seen(placed.place, kept, label))
        self.positive += label is True
        self.templated += self._has_template(placed.example)
        digest = _digest(sides)
        if digest in self.held_out:
            self.overlapping.add(self.held_out[digest])
        statistics.duplicates += digest in self.digests
        self.digests.add(digest)
        statistics.rows += 1
        statistics.tokens += sum(min(len(ids), self.cut) for ids, _ in kept.values())
        statistics.trained += sum(int(marks[: self.cut].sum()) for _, marks in kept.values())
        statistics.truncated += longest > self.cut
        statistics.empty_answers += _has_empty_answer(placed.example)
        learns = all(marks[: self.cut].any() for _, marks in kept.values())
        if self.preview.shape is not DatasetShape.PROMPTS and not learns:
            statistics.nothing_learned += 1
            self.unlearned.append(placed.place)

    def _has_template(self, example: dict[str, Any]) -> bool:
        """Whether the text has tokens in it that the chat template will add once more."""
        if self.preview.shape is DatasetShape.TEXT:
            return False
        messages = (m for part in example.values() if isinstance(part, list) for m in part)
        texts = [str(message.get("content", "")) for message in messages]
        special = self.tokenizer.all_special_tokens
        return any(token in text for token in special for text in texts)

    def finish(self) -> None:
        """Work out what all that was read amounts to."""
        statistics = self.preview.statistics
        lengths = [row.length for row in self.rows]
        if lengths:
            statistics.shortest, statistics.longest = min(lengths), max(lengths)
            statistics.histogram = _histogram(lengths)
        statistics.max_length = self.config.method.max_length
        self.preview.warnings = list(self._warnings())
        if self.preview.fault is None:
            self.preview.fault = self._fault()

    def _fault(self) -> Fault | None:
        try:
            if self.preview.shape is not None:
                check_learnable(self.preview.shape)
            if self.overlapping:
                raise overlap(sorted(self.overlapping))
            if self.unlearned and not self.config.filters.untrainable:
                raise nothing_learned(self.unlearned, rows=len(self.rows), cut=self.cut)
        except UserError as error:
            return _fault_of(error)
        return None

    def _warnings(self) -> Iterator[str]:
        statistics = self.preview.statistics
        rows = max(statistics.rows, 1)
        yield from self.encoder.warnings
        if not self.preview.sure:
            yield f"This is a guess: {self.preview.why}. If it is wrong, name the columns."
        if statistics.truncated / rows > MANY_TRUNCATED:
            yield (
                f"{statistics.truncated / rows:.0%} of the rows are longer than the max length of "
                f"{statistics.max_length:,} tokens and are cut off: raise it, or drop long rows."
            )
        if self.templated:
            yield (
                f"{self.templated:,} rows have the chat template's own marks in their text, and "
                "will have them twice: take them out of the data."
            )
        if statistics.duplicates / rows > MANY_DUPLICATES:
            yield (
                f"{statistics.duplicates:,} rows are exact copies of others: turn on 'Drop "
                "duplicates' under Filters."
            )
        if statistics.empty_answers:
            yield f"{statistics.empty_answers:,} rows have an answer that is empty."
        share = self.positive / rows
        if self.preview.shape is DatasetShape.RATED and not LOPSIDED <= share <= 1 - LOPSIDED:
            yield f"{share:.0%} of the ratings are good: of so few of one kind little is learned."

    def shown(self, question: Question) -> list[ShownRow]:
        return [self._show(index) for index in self._indexes(question)]

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
        sides = [self._side(name, ids, marks) for name, (ids, marks) in row.sides.items()]
        return ShownRow(index=index, place=row.place, sides=sides, label=row.label)

    def _side(self, name: str, ids: np.ndarray, marks: np.ndarray) -> Side:
        shown = ids[:MAX_SHOWN_TOKENS].tolist()
        return Side(
            name=name,
            tokens=len(ids),
            trained=int(marks[: self.cut].sum()),
            pieces=list(pieces_of(self.tokenizer, shown, marks.tolist(), cut=self.cut)),
            left_out=len(ids) - len(shown),
        )


class NoMapping(Exception):
    """Data of which only the columns are known: what each is for is still to be told."""

    def __init__(self, columns: list[str], error: UserError) -> None:
        super().__init__(str(error))
        self.columns = columns
        self.error = error


class Answers:
    """Answers questions, keeping what the last one was about."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._key = ""
        self._model: tuple[str, ModelSource] | None = None

    def answer(self, question: Question) -> Preview:
        key = self._key_of(question)
        if key != self._key or self._look is None:
            self._key, self._look = "", None
            try:
                self._look = _open(question, load=self._tokenizer)
                self._key = key
            except NoMapping as found:
                return Preview(columns=found.columns, fault=_fault_of(found.error))
            except (UserError, MemoryError) as error:
                return Preview(fault=_fault_of(error))
        look = self._look
        end = time.monotonic() + question.seconds
        wanted = question.start + question.count
        try:
            look.read_on(
                until=lambda: len(look.rows) >= wanted and time.monotonic() >= end,
                to_the_end=question.to_the_end,
            )
        except (UserError, MemoryError) as error:
            look.preview.fault = _fault_of(error)
            look.preview.statistics.complete = True
        look.finish()
        look.preview.rows = look.shown(question)
        return look.preview

    def _tokenizer(self, question: Question) -> ModelSource:
        """The model's tokenizer, kept while only other settings change."""
        model = question.config.model
        key = f"{model.model_dump_json()} {question.home}"
        if self._model is None or self._model[0] != key:
            self._model = (key, load_tokenizer(model, home=question.home, before=None))
        return self._model[1]

    def _key_of(self, question: Question) -> str:
        named = {"model", "dataset", "columns", "filters", "method", "evaluation"}
        changed = question.file.stat().st_mtime_ns if question.file else 0
        asked = question.config.model_dump_json(include=named)
        return f"{asked} {question.home} {question.file} {changed}"


def _open(question: Question, *, load: Callable[[Question], ModelSource]) -> Look:
    config = question.config
    columns: dict[str, None] = {}

    def named(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            columns.update(dict.fromkeys(row.values))
            yield row

    try:
        mapping, examples = map_rows(config, named(_rows(question)))
    except UserError as error:
        raise NoMapping(list(columns), error) from error
    source = load(question)
    encoder = Encoder(
        source.tokenizer,
        shape=mapping.shape,
        answers_only=config.method.answers_only,
        model_name=config.model.name,
    )
    preview = Preview(
        shape=mapping.shape, parts=mapping.parts, why=mapping.why, sure=mapping.sure,
        columns=list(columns),
    )  # fmt: skip
    look = Look(config, source.tokenizer, encoder, examples, preview)
    if config.dataset.source is DatasetSource.HUB and config.evaluation.split is not None:
        _look_at_held_out(look, split=config.evaluation.split)
    return look


def _look_at_held_out(look: Look, *, split: str) -> None:
    """Remember the first rows of the evaluation split: none of them should be trained on."""
    rows = stream_hub_split(look.config.dataset, split=split, field="evaluation.split")
    _, examples = map_rows(look.config, rows)
    first = list(islice(examples, HELD_OUT_ROWS))
    places = [placed.place for placed in first]
    encoded = look.encoder.encode([placed.example for placed in first], places)
    look.held_out = {_digest(sides): place for sides, place in zip(encoded, places, strict=True)}


def _rows(question: Question) -> Iterator[Row]:
    dataset = question.config.dataset
    match dataset.source:
        case DatasetSource.BUILTIN:
            return read_rows(builtin_dataset_files(dataset.builtin)["train"])
        case DatasetSource.UPLOAD:
            if question.file is None:
                raise UserError("Choose a file to train on.", field="dataset.file")
            return read_rows(question.file)
        case DatasetSource.HUB:
            # Answers at once where the Hub can't be reached; datasets tries for a minute.
            token = load_settings().token
            dataset_info(dataset.name or "", revision=dataset.revision, token=token)
            return stream_hub_split(dataset, split=dataset.split, field="dataset.split")


def _digest(sides: dict[str, Tokens]) -> bytes:
    ids = [tokens.ids for tokens in sides.values()]
    return hashlib.blake2b(repr(ids).encode(), digest_size=16).digest()


def _compact(tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    return np.array(tokens.ids, dtype=np.int32), np.array(tokens.trained, dtype=bool)


def _has_empty_answer(example: dict[str, Any]) -> bool:
    return any(
        message["role"] == "assistant"
        and not message["content"].strip()
        and not message.get("tool_calls")
        for message in example.get("messages", [])
    )


def _histogram(lengths: list[int]) -> list[Bar]:
    counts, edges = np.histogram(lengths, bins=min(BARS, max(lengths)), range=(0, max(lengths)))
    pairs = zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [Bar(low=int(low), high=int(high), rows=rows) for rows, low, high in pairs]


def _fault_of(error: UserError | MemoryError) -> Fault:
    if isinstance(error, MemoryError):
        error = too_large("dataset.file")
    return Fault(message=error.message, hint=error.hint or "", field=error.field)


def main() -> None:
    limit_memory()
    answers = Answers()
    for line in sys.stdin.buffer:
        preview = answers.answer(Question.model_validate_json(line))
        sys.stdout.write(preview.model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
