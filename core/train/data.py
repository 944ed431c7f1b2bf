"""A run's rows as the tokens that TRL trains on, kept for the next run on the same rows."""

import hashlib
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.builtin import builtin_dataset_files
from core.config import RunConfig
from core.data.files import Row, read_rows
from core.data.hub_rows import load_hub_split
from core.data.mapping import RowMapping
from core.data.sources import PlacedExample, fingerprint, map_rows
from core.errors import UserError
from core.events import Choice
from core.options import DatasetShape, DatasetSource
from core.runs import Run
from core.train.encode import WHOLE, Encoder, Tokens

# What supervised fine-tuning can learn from.
LEARNABLE = (DatasetShape.MESSAGES, DatasetShape.PROMPT_COMPLETION, DatasetShape.TEXT)
BATCH_ROWS = 256
NAMED_PLACES = 5
# Raised when the same rows would become other tokens than before.
ENCODING_VERSION = 1
SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("length", pa.int32()),
        ("first_trained", pa.int32()),
        ("digest", pa.binary(16)),
        ("place", pa.string()),
    ]
)


@dataclass(frozen=True)
class Data:
    """Tokens to train on and to evaluate with: columns input_ids and labels."""

    shape: DatasetShape
    train: Dataset
    evaluation: Dataset | None
    choices: dict[str, Choice]
    warnings: list[str] = field(default_factory=list)


def load_data(
    config: RunConfig, *, run: Run, tokenizer: PreTrainedTokenizerBase, tokenizer_id: str
) -> Data:
    """Read the run's rows, and keep some from training to evaluate with.

    `tokenizer_id` names the tokenizer and its revision, as the key under which tokens are kept.
    Raises UserError when a row can't be formatted or has nothing to learn, or when the shape does
    not suit the model.
    """
    make = _Tokens(config, home=run.home, tokenizer=tokenizer, tokenizer_id=tokenizer_id)
    evaluation: Dataset | None = None
    match config.dataset.source:
        case DatasetSource.BUILTIN:
            files = builtin_dataset_files(config.dataset.builtin)
            train = make.of_file(files["train"])
            evaluation = make.of_file(files["test"])
        case DatasetSource.UPLOAD:
            train = make.of_file(run.paths.data / (config.dataset.file or ""))
        case DatasetSource.HUB:
            train = make.of_split(config.dataset.split, field="dataset.split")
            if config.evaluation.split is not None:
                evaluation = make.of_split(config.evaluation.split, field="evaluation.split")
    warnings = [*make.warnings]
    train = _sample(config, train)
    if evaluation is None and config.evaluation.fraction > 0:
        train, evaluation = _hold_out(config, train)
        if evaluation is None:
            warnings.append("There are too few rows to hold any out: nothing is evaluated.")
    elif evaluation is not None:
        _check_overlap(train, evaluation)
    if evaluation is not None:
        evaluation = evaluation.select(range(min(len(evaluation), config.evaluation.max_rows)))
    choices = {
        "rows": Choice(value=str(len(train))),
        "evaluation_rows": Choice(value=str(len(evaluation) if evaluation else 0)),
        "shape": Choice(value=make.mapping.shape, why=make.mapping.why),
        **make.choices,
    }
    return Data(
        shape=make.mapping.shape,
        train=train.select_columns(["input_ids", "labels"]),
        evaluation=evaluation.select_columns(["input_ids", "labels"]) if evaluation else None,
        choices=choices,
        warnings=warnings,
    )


class _Tokens:
    """Makes the tokens of rows, or finds them where an earlier run has made them."""

    mapping: RowMapping

    def __init__(
        self,
        config: RunConfig,
        *,
        home: Path,
        tokenizer: PreTrainedTokenizerBase,
        tokenizer_id: str,
    ) -> None:
        self._config = config
        self._folder = home / "tokens"
        self._tokenizer = tokenizer
        self._tokenizer_id = tokenizer_id
        self.choices: dict[str, Choice] = {}
        self.warnings: list[str] = []

    def of_file(self, path: Path) -> Dataset:
        return self._make(read_rows(path), content=fingerprint(path))

    def of_split(self, split: str, *, field: str) -> Dataset:
        rows = load_hub_split(self._config.dataset, split=split, field=field)
        if len(rows) == 0:
            name = self._config.dataset.name
            raise UserError(f"The split {split!r} of {name} has no rows.", field=field)
        placed = (Row(f"row {number}", values) for number, values in enumerate(rows, start=1))
        # datasets names a split by what it was made of.
        return self._make(placed, content=str(rows._fingerprint))

    def _make(self, rows: Iterator[Row], *, content: str) -> Dataset:
        self.mapping, examples = map_rows(self._config, rows)
        check_learnable(self.mapping.shape)
        encoder = Encoder(
            self._tokenizer,
            shape=self.mapping.shape,
            answers_only=self._config.method.answers_only,
            model_name=self._config.model.name,
        )
        self.choices |= encoder.choices
        self.warnings += [text for text in encoder.warnings if text not in self.warnings]
        path = self._folder / f"{self._key(encoder, content)}.arrow"
        if not path.exists():
            _write(path, _batches(examples, encoder))
        return self._suitable(Dataset.from_file(str(path)))

    def _key(self, encoder: Encoder, content: str) -> str:
        """A name that is the same only where the tokens would be."""
        config = self._config
        filters = config.filters.model_dump(include={"drop_where", "drop_empty", "duplicates"})
        described = [
            ENCODING_VERSION, content, self._tokenizer_id, encoder.template, asdict(self.mapping),
            config.method.answers_only, filters,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(described, default=str).encode()).hexdigest()[:32]

    def _suitable(self, rows: Dataset) -> Dataset:
        """The rows within the length limits, each with something to learn."""
        filters, cut = self._config.filters, self._config.method.max_length
        columns = rows.select_columns(["length", "first_trained"]).with_format("numpy")[:]
        length, first = columns["length"], columns["first_trained"]
        fits = (length >= (filters.min_length or 0)) & (length <= (filters.max_length or length))
        # What is packed is split, not cut off.
        learns = first < (length if self._config.method.packing else length.clip(max=cut))
        empty = rows.select(np.flatnonzero(fits & ~learns))["place"]
        kept = np.flatnonzero(fits & learns)
        if len(empty) and (not filters.untrainable or not len(kept)):
            raise nothing_learned(list(empty), rows=len(rows), cut=cut)
        if len(empty):
            self.warnings.append(f"{len(empty):,} rows with nothing to learn are left out.")
        if not len(kept):
            raise UserError(
                "The filters leave no row to train on.", hint="Loosen them.",
                field="filters.min_length",
            )  # fmt: skip
        return rows if len(kept) == len(rows) else rows.select(kept)


def check_learnable(shape: DatasetShape) -> None:
    """Raises UserError at dataset.shape when supervised fine-tuning can't learn from such rows."""
    if shape in LEARNABLE:
        return
    what = {
        DatasetShape.PREFERENCE: "pairs of a better and a worse answer",
        DatasetShape.RATED: "answers with a rating",
    }.get(shape, "prompts without an answer")
    raise UserError(
        f"This data is {what}, and supervised fine-tuning learns from answers alone.",
        hint="To learn one of its columns as the answer, choose the shape prompt_completion and "
        "name that column as the answer.",
        field="dataset.shape",
    )


def nothing_learned(places: Sequence[str], *, rows: int, cut: int) -> UserError:
    """The refusal of data in which the rows at these places teach nothing."""
    return UserError(
        f"In {len(places):,} of {rows:,} rows nothing would be learned, since their answers begin "
        f"after {cut:,} tokens or are empty: {_listed(places)}.",
        hint="Raise the max length, or turn on 'Drop rows with nothing to learn' under Filters.",
        field="method.max_length",
    )


def _batches(
    examples: Iterator[PlacedExample], encoder: Encoder
) -> Iterator[list[tuple[Tokens, str]]]:
    while batch := list(islice(examples, BATCH_ROWS)):
        places = [placed.place for placed in batch]
        encoded = encoder.encode([placed.example for placed in batch], places)
        yield [(sides[WHOLE], place) for sides, place in zip(encoded, places, strict=True)]


def _write(path: Path, batches: Iterator[list[tuple[Tokens, str]]]) -> None:
    """Write tokens beside `path` and move them there whole, so that no half file is ever read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        with pa.OSFile(str(aside), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as writer:
            for batch in batches:
                columns: dict[str, list[Any]] = {
                    "input_ids": [tokens.ids for tokens, _ in batch],
                    "labels": [tokens.labels() for tokens, _ in batch],
                    "length": [len(tokens.ids) for tokens, _ in batch],
                    "first_trained": [tokens.first_trained for tokens, _ in batch],
                    "digest": [_digest(tokens.ids) for tokens, _ in batch],
                    "place": [place for _, place in batch],
                }
                writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _digest(ids: list[int]) -> bytes:
    return hashlib.blake2b(json.dumps(ids).encode(), digest_size=16).digest()


def _sample(config: RunConfig, rows: Dataset) -> Dataset:
    """So many rows by chance, with the run's seed, in their order."""
    count = config.filters.sample
    if count is None or count >= len(rows):
        return rows
    chooser = random.Random(config.training.seed)  # noqa: S311
    return rows.select(sorted(chooser.sample(range(len(rows)), count)))


def _hold_out(config: RunConfig, rows: Dataset) -> tuple[Dataset, Dataset | None]:
    """Split rows by chance, with the run's seed; rows that are alike go to the same side."""
    count = round(len(rows) * config.evaluation.fraction)
    if count == 0:
        return rows, None
    groups: dict[bytes, list[int]] = {}
    for index, digest in enumerate(rows["digest"]):
        groups.setdefault(digest, []).append(index)
    order = list(groups.values())
    random.Random(config.training.seed).shuffle(order)  # noqa: S311
    held: set[int] = set()
    for group in order:
        if len(held) >= count:
            break
        held.update(group)
    if len(held) >= len(rows):
        raise UserError(
            "Nothing would be left to train on.", hint="Hold out a smaller share.",
            field="evaluation.fraction",
        )  # fmt: skip
    return (
        rows.select([index for index in range(len(rows)) if index not in held]),
        rows.select(sorted(held)),
    )


def _check_overlap(train: Dataset, evaluation: Dataset) -> None:
    known = set(train["digest"])
    again = [row["place"] for row in evaluation if row["digest"] in known]
    if again:
        raise overlap(again)


def overlap(places: Sequence[str]) -> UserError:
    """The refusal of an evaluation with rows that are trained on as well."""
    return UserError(
        f"{len(places):,} rows to evaluate with are also trained on: {_listed(places)}.",
        hint="Choose another split, or hold out a share of the training rows.",
        field="evaluation.split",
    )


def _listed(places: Sequence[str]) -> str:
    return ", ".join(places[:NAMED_PLACES]) + (" …" if len(places) > NAMED_PLACES else "")
