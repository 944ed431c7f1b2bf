"""Rows that are read while they are trained on, for data that is larger than the disk."""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from datasets import Dataset, Features, IterableDataset

from core.config.run_config import RunConfig
from core.errors import UserError
from core.train.tokens.columns import column_of, schema_of
from core.train.tokens.learnable import length_limits, skipped
from core.train.tokens.row_tokens import first_learned, length_of
from core.train.tokens.rows import EncodedRow, RowEncoder

BATCH_ROWS = 64
STREAM_SKIPS = "unreadable, or nothing to learn"
# Rows are trained on in an order by chance among so many neighbours.
SHUFFLED_ROWS = 1000


class Stream:
    """The rows of some sources in turn, again from the first for each epoch.

    Nobody can look at all of them beforehand: rows that can't be read, or teach nothing, are
    skipped, and `told` says where they stand.
    """

    def __init__(
        self, open_sources: Callable[[], list[RowEncoder]], *, config: RunConfig,
        weights: list[float],
    ) -> None:  # fmt: skip
        self._open = open_sources
        self._config = config
        self._features = Features.from_arrow_schema(schema_of(config.method.columns))
        self._weights = weights
        self._held: set[bytes] = set()
        self._skipped: dict[str, None] = {}
        self._warnings: dict[str, None] = {}

    def told(self) -> list[str]:
        """Warnings about the rows that have come by."""
        left = [skipped(list(self._skipped), why=STREAM_SKIPS)] if self._skipped else []
        return [*self._warnings, *left]

    def evaluation(self, sources: list[RowEncoder]) -> Dataset | None:
        """The first rows of these sources, as many as are to be evaluated; None where none suit."""
        rows = (row for source in sources for row in self._suitable(source))
        return self._hold(rows, by=attrgetter("digest"))

    def hold_out(self) -> Dataset | None:
        """A share of the rows, told by their content, which are not trained on from now on."""
        share = self._config.evaluation.fraction
        rows = (row for source in self._open() for row in self._suitable(source))
        rows = (row for row in rows if _share_of(row.group) < share)
        return self._hold(rows, by=attrgetter("group"))

    def dataset(self) -> IterableDataset:
        """The rows without an end, so that a run that is resumed finds its place in any epoch."""
        made = IterableDataset.from_generator(self._rows, features=self._features)
        return made.shuffle(seed=self._config.training.seed, buffer_size=SHUFFLED_ROWS)

    def _hold(
        self, rows: Iterator[EncodedRow], *, by: Callable[[EncodedRow], bytes]
    ) -> Dataset | None:
        taken = list(islice(rows, self._config.evaluation.max_eval_samples))
        self._held = {by(row) for row in taken}
        made = [self._trained(row) for row in taken]
        return Dataset.from_list(made, features=self._features) if made else None

    def _rows(self) -> Iterator[dict[str, Any]]:
        chance = random.Random(self._config.training.seed)  # noqa: S311
        while True:
            is_empty = True
            for row in self._one_pass(chance):
                is_empty = False
                yield row
            if is_empty:
                raise UserError(
                    "No row is left to train on: none can be read, or none teaches anything.",
                    hint="Turn off `dataset.streaming` to see what is wrong with the rows.",
                    field="dataset.streaming",
                )

    def _one_pass(self, chance: random.Random) -> Iterator[dict[str, Any]]:
        """All rows once, those of each source as often as its weight has it drawn."""
        open_rows = [self._suitable(source) for source in self._open()]
        weights = list(self._weights)
        while open_rows:
            (index,) = chance.choices(range(len(open_rows)), weights=weights)
            row = next(open_rows[index], None)
            if row is None:
                del open_rows[index], weights[index]
            elif self._held.isdisjoint((row.digest, row.group)):
                yield self._trained(row)

    def _suitable(self, source: RowEncoder) -> Iterator[EncodedRow]:
        while batch := list(islice(source.rows, BATCH_ROWS)):
            for row in source.encode(batch):
                if row.sides and self._teaches(row):
                    self._warnings |= dict.fromkeys(row.warnings)
                    yield row
                elif row.fault or self._fits(row):
                    self._skipped[row.place] = None

    def _fits(self, row: EncodedRow) -> bool:
        least, most = length_limits(self._config)
        return least <= length_of(row.sides) <= most

    def _teaches(self, row: EncodedRow) -> bool:
        used = min(length_of(row.sides), self._config.method.longest_row)
        return self._fits(row) and first_learned(row.sides) < used

    def _trained(self, row: EncodedRow) -> dict[str, Any]:
        return {name: column_of(name, row) for name in self._config.method.columns}


def _share_of(digest: bytes) -> float:
    """A number from 0 to 1, as by chance, and always the same for the same row."""
    return float(int.from_bytes(digest) / 256 ** len(digest))
