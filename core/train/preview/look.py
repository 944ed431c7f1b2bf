"""A look at a run's data: rows as tokens, as far as they were read, and what becomes of each."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.run_config import RunConfig
from core.data.preview import Fault, Preview, Question, ShownRow
from core.data.row import Row
from core.errors import UserError
from core.train.preview.findings import Findings
from core.train.preview.shown import MAX_SHOWN_ANSWER, Seen, chosen_rows, shown_row
from core.train.tokens.columns import ANSWER
from core.train.tokens.learnable import length_limits, nothing_to_evaluate, require_format
from core.train.tokens.rows import EncodedRow, RowEncoder
from core.train.tokens.split import divide, left_out, none_held_out, overlap

BATCH_ROWS = 64
# What is looked at of data that has more.
MAX_ROWS, MAX_TOKENS = 20_000, 20_000_000
# Rows of each source to evaluate with that are looked at before the first rows are shown.
EVALUATION_ROWS = 500
HELD = -1
# The filters that drop rows in silence: what can't be read is told by itself.
DROPPING = (
    "drop_where", "drop_empty", "drop_duplicates", "min_length", "max_length", "drop_untrainable",
)  # fmt: skip


@dataclass(frozen=True)
class Uses:
    """What becomes of each row: how often it is trained on, HELD where it is held out instead."""

    times: np.ndarray
    warnings: list[str]


@dataclass
class Look:
    """One set of data under one set of settings, as far as it has been read."""

    config: RunConfig
    tokenizer: PreTrainedTokenizerBase
    sources: list[RowEncoder]
    # What is only evaluated with.
    evaluation: list[RowEncoder]
    preview: Preview
    rows: list[Seen] = field(default_factory=list)
    evaluation_rows: list[Seen] = field(default_factory=list)
    _digests: set[bytes] = field(default_factory=set)
    _dropped: Counter[str] = field(default_factory=Counter)
    _evaluation_read: int = 0
    # Known when all rows have been looked at.
    _uses: Uses | None = None

    def __post_init__(self) -> None:
        statistics = self.preview.statistics
        statistics.evaluation_complete = not self.evaluation
        format = self.sources[0].mapping.format
        self.findings = Findings(self.config, self.tokenizer, format, statistics)
        self._batches = _in_turn(self.sources)
        self._evaluation_batches = _in_turn(self.evaluation)
        # Beyond what is looked at it is enough that each row can be formatted.
        self._is_full = False

    def read_on(self, *, wanted: int, seconds: float, to_the_end: bool) -> None:
        """Look at more rows until there is no more, or time is up and there are as many as wanted.

        Raises UserError at a row that can't be formatted.
        """
        end = time.monotonic() + seconds
        self._read_evaluation(end=end, to_the_end=to_the_end)
        statistics = self.preview.statistics
        while not statistics.complete and (len(self.rows) < wanted or time.monotonic() < end):
            self._is_full = len(self.rows) >= MAX_ROWS or statistics.tokens >= MAX_TOKENS
            if self._is_full and not to_the_end:
                return
            found = next(self._batches, None)
            if found is None:
                statistics.complete = True
                return
            source, rows = found
            statistics.read += len(rows)
            encoder = self.sources[source]
            for row in encoder.format(rows) if self._is_full else encoder.encode(rows):
                if (label := row.example.get("label")) is not None:
                    self.findings.labels[label] += 1
                self._add(row, source=source)

    def finish(self) -> None:
        """Work out what all that was read amounts to."""
        statistics, preview = self.preview.statistics, self.preview
        statistics.dropped = self._dropped_rows()
        is_whole = statistics.complete and preview.fault is None and not self._is_full
        if self._uses is None and is_whole:
            self._uses = self._divide()
        if self.evaluation:
            most = self.config.evaluation.max_eval_samples
            statistics.evaluation_rows = min(len(self.evaluation_rows), most)
        self.findings.finish()
        encoders = [*self.sources, *self.evaluation]
        known = (text for made in encoders for text in [*made.encoder.warnings, *made.guesses])
        found = self.findings.warnings(named_evaluation=bool(self.evaluation))
        left = self._uses.warnings if self._uses else []
        preview.warnings = list(dict.fromkeys([*known, *found, *left]))
        if preview.fault is None:
            preview.fault = self._fault()

    def _add(self, row: EncodedRow, *, source: int) -> None:
        seen = self._seen(row, source=source)
        if seen is None:
            return
        if misfit := self._misfit(seen):
            self._dropped[misfit] += 1
            self.findings.longer += misfit == "filters.max_length"
            return
        is_copy = seen.digest in self._digests
        self._digests.add(seen.digest)
        # A copy that is dropped is shown as well: which one goes is known when all have been seen.
        self.rows.append(seen)
        if is_copy and self.config.filters.drop_duplicates:
            self._dropped["filters.drop_duplicates"] += 1
        else:
            self.findings.add(row, length=seen.length, is_copy=is_copy)

    def _read_evaluation(self, *, end: float, to_the_end: bool) -> None:
        statistics = self.preview.statistics
        least = EVALUATION_ROWS * len(self.evaluation)
        while not statistics.evaluation_complete:
            if self._evaluation_read >= least and not (to_the_end and time.monotonic() < end):
                return
            found = next(self._evaluation_batches, None)
            if found is None:
                statistics.evaluation_complete = True
                return
            source, rows = found
            self._evaluation_read += len(rows)
            encoder = self.evaluation[source]
            is_full = len(self.evaluation_rows) >= MAX_ROWS
            for row in encoder.format(rows) if is_full else encoder.encode(rows):
                seen = self._seen(row, source=source)
                if seen is not None and not self._misfit(seen):
                    self.findings.note(row)
                    if seen.teaches:
                        self.evaluation_rows.append(seen)

    def _seen(self, row: EncodedRow, *, source: int) -> Seen | None:
        """A row that could be read; one that was skipped is noted."""
        if not row.sides:
            if row.fault:
                self.findings.note(row)
            return None
        teaches = self.findings.teaches(row)
        label = row.example.get("label")
        answer = str(row.example.get(ANSWER, ""))[:MAX_SHOWN_ANSWER]
        return Seen(row.place, row.sides, row.digest, row.group, label, answer, source, teaches)

    def _misfit(self, seen: Seen) -> str:
        """The length limit that a row is beyond, "" where it fits."""
        least, most = length_limits(self.config)
        if seen.length < least:
            return "filters.min_length"
        return "filters.max_length" if seen.length > most else ""

    def _dropped_rows(self) -> dict[str, int]:
        """How many rows each filter has dropped, of those that are set."""
        counted = sum((made.dropped for made in self.sources), self._dropped)
        counted["filters.drop_untrainable"] = self.preview.statistics.nothing_learned
        names = (f"filters.{name}" for name in DROPPING if getattr(self.config.filters, name))
        return {name: counted[name] for name in names}

    def _divide(self) -> Uses | None:
        """As the trainer will do it, for rows that lie source after source."""
        if self.config.dataset.streaming:
            return None
        teaching = [index for index, row in enumerate(self.rows) if row.teaches]
        order = sorted(teaching, key=lambda index: self.rows[index].source)
        counts = np.bincount([self.rows[i].source for i in order], minlength=len(self.sources))
        division = divide(
            self.config,
            digests=np.array([self.rows[index].digest for index in order], dtype="S16"),
            groups=np.array([self.rows[index].group for index in order], dtype="S16"),
            lengths=counts.tolist(),
            weights=[each.source.weight for each in self.sources],
            named_evaluation=bool(self.evaluation),
        )
        times = np.zeros(len(self.rows), dtype=int)
        places = np.array(order, dtype=int)
        np.add.at(times, places[division.train], 1)
        times[places[division.held]] = HELD
        statistics = self.preview.statistics
        statistics.trained_rows = len(division.train)
        statistics.evaluation_rows = len(division.held)
        statistics.used_rows = int((times > 0).sum())
        statistics.holds_out = not self.evaluation
        names = [each.source.name for each in self.sources]
        return Uses(times, left_out(division, names=names, lengths=counts.tolist()))

    def _fault(self) -> Fault | None:
        try:
            for made in [*self.sources, *self.evaluation]:
                require_format(self.config.method, made.mapping, source=made.source)
            if self.evaluation:
                self._check_evaluation(field=self.evaluation[0].source.field)
            self.findings.check()
            if self._uses and self.config.evaluates and not self.preview.statistics.evaluation_rows:
                none_held_out(self.config)
        except UserError as error:
            return Fault.of(error)
        return None

    def _check_evaluation(self, *, field: str) -> None:
        if self.preview.statistics.evaluation_complete and not self.evaluation_rows:
            raise nothing_to_evaluate(field)
        held = {row.digest: row.place for row in self.evaluation_rows}
        again = {held[row.digest] for row in self._trained() if row.digest in held}
        if again:
            raise overlap(sorted(again), field=field)

    def _trained(self) -> list[Seen]:
        """The rows of which it is known that they are trained on."""
        if self._uses is not None:
            return [row for row, times in zip(self.rows, self._uses.times, strict=True) if times]
        takes_some = self.config.filters.sample is not None or any(
            made.source.weight < 1 for made in self.sources
        )
        return [] if takes_some else self.rows

    def shown(self, question: Question) -> list[ShownRow]:
        if question.part == "training":
            chosen = chosen_rows(self.rows, question, cut=self.findings.cut)
            return [
                shown_row(self.rows[index], index=index, use=self._use(index), by=self.findings)
                for index in chosen
            ]
        rows = self.evaluation_rows if self.evaluation else self._held_out()
        chosen = chosen_rows(rows, question, cut=self.findings.cut)
        return [shown_row(rows[index], index=index, by=self.findings) for index in chosen]

    def _held_out(self) -> list[Seen]:
        if self._uses is None:
            return []
        return [self.rows[index] for index in np.flatnonzero(self._uses.times == HELD)]

    def _use(self, index: int) -> str:
        """What becomes of a row, where it is not just trained on."""
        if not self.rows[index].teaches:
            return "nothing to learn"
        times = 1 if self._uses is None else self._uses.times[index]
        if times == 1:
            return ""
        named = {HELD: "held out to evaluate with", 0: "not among those that are trained on"}
        return named.get(times, f"trained on {times} times")


def _in_turn(sources: list[RowEncoder]) -> Iterator[tuple[int, list[Row]]]:
    """Some rows of each source by turns, with its number; first a single one of each."""
    left = dict(enumerate(sources))
    size = 1
    while left:
        for number, source in list(left.items()):
            if rows := list(islice(source.rows, size)):
                yield number, rows
            else:
                del left[number]
        size = BATCH_ROWS
