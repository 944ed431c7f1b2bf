"""Rows that are read while they are trained on, for data that is larger than the disk."""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from datasets import Dataset, Features, IterableDataset, List, Value

from core.config import RunConfig
from core.train.encode import WHOLE, digest_of
from core.train.rows import EncodedRow, RowEncoder

BATCH_ROWS = 64
STREAM_SKIPS = "can't be read or teach nothing"
# Rows are trained on in an order by chance among so many neighbours.
SHUFFLED_ROWS = 1000
FEATURES = Features({"input_ids": List(Value("int32")), "labels": List(Value("int32"))})


class Stream:
    """The rows of some sources in turn, again from the first for each epoch.

    Nobody can look at all of them beforehand: rows that can't be read, or teach nothing, are
    skipped, and `skipped` says where they stand.
    """

    def __init__(
        self, open_sources: Callable[[], list[RowEncoder]], *, config: RunConfig,
        weights: list[float],
    ) -> None:  # fmt: skip
        self._open = open_sources
        self._config = config
        self._weights = weights
        self._held: set[bytes] = set()
        self.skipped: dict[str, None] = {}

    def first(self, sources: list[RowEncoder]) -> Dataset:
        """The first rows of these sources, as many as are to be evaluated."""
        rows = (row for source in sources for row in self._suitable(source))
        taken = list(islice(rows, self._config.evaluation.max_rows))
        self._held = {digest_of(row.sides) for row in taken}
        return Dataset.from_list([_trained(row) for row in taken], features=FEATURES)

    def hold_out(self) -> Dataset:
        """The first rows, which are not trained on from now on."""
        return self.first(self._open()[:1])

    def dataset(self) -> IterableDataset:
        made = IterableDataset.from_generator(self._rows, features=FEATURES)
        return made.shuffle(seed=self._config.training.seed, buffer_size=SHUFFLED_ROWS)

    def _rows(self) -> Iterator[dict[str, Any]]:
        chance = random.Random(self._config.training.seed)  # noqa: S311
        open_rows = [self._suitable(source) for source in self._open()]
        weights = list(self._weights)
        while open_rows:
            (index,) = chance.choices(range(len(open_rows)), weights=weights)
            row = next(open_rows[index], None)
            if row is None:
                del open_rows[index], weights[index]
            elif digest_of(row.sides) not in self._held:
                yield _trained(row)

    def _suitable(self, source: RowEncoder) -> Iterator[EncodedRow]:
        while batch := list(islice(source.rows, BATCH_ROWS)):
            for row in source.encode(batch):
                if row.sides and self._teaches(row):
                    yield row
                elif row.fault or self._fits(row):
                    self.skipped[row.place] = None

    def _fits(self, row: EncodedRow) -> bool:
        filters, length = self._config.filters, len(row.sides[WHOLE].ids)
        return (filters.min_length or 0) <= length <= (filters.max_length or length)

    def _teaches(self, row: EncodedRow) -> bool:
        cut = len(row.sides[WHOLE].ids)
        if not self._config.method.packing:
            cut = min(cut, self._config.method.max_length)
        return self._fits(row) and row.sides[WHOLE].first_trained < cut


def _trained(row: EncodedRow) -> dict[str, Any]:
    tokens = row.sides[WHOLE]
    return {"input_ids": tokens.ids, "labels": tokens.labels()}
