"""A run's rows as the tokens that TRL trains on, and those that are kept for evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from datasets import Dataset, IterableDataset, concatenate_datasets
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.resolved import Choice
from core.config.run_config import RunConfig
from core.data.examples import map_rows, rows_of
from core.data.hub_rows import load_hub_split, pin_split
from core.data.row import Row
from core.data.sources import HubSplit, Source, fingerprint, sources_of
from core.errors import UserError
from core.runs.store import Run
from core.train.tokens.columns import LABEL
from core.train.tokens.learnable import (
    length_limits,
    none_left,
    nothing_learned,
    nothing_to_evaluate,
    require_both_labels,
    require_format,
    skips,
    too_long,
)
from core.train.tokens.rows import RowEncoder
from core.train.tokens.split import (
    counted,
    divide,
    few_to_evaluate,
    left_out,
    none_held_out,
    overlap,
)
from core.train.tokens.stream import Stream
from core.train.tokens.token_cache import tokens_of


@dataclass(frozen=True)
class Data:
    """Tokens to train on and to evaluate with, in the columns of the method."""

    train: Dataset | IterableDataset
    evaluation: Dataset | None
    choices: dict[str, Choice]
    warnings: list[str] = field(default_factory=list)
    # Where rows are read as they come: what was skipped is known only at the end.
    stream: Stream | None = None


def load_data(
    config: RunConfig, *, run: Run, tokenizer: PreTrainedTokenizerBase, tokenizer_id: str
) -> Data:
    """Read the run's rows, and keep some from training to evaluate with.

    `tokenizer_id` names the tokenizer and its revision, as the key under which tokens are cached.
    Raises UserError when a row can't be formatted or has nothing to learn, or when the format does
    not suit the model.
    """
    sources = sources_of(config, run.files())
    make = _Tokens(
        config, run=run, tokenizer=tokenizer, tokenizer_id=tokenizer_id, before=run.resolved()
    )
    if config.dataset.streaming:
        return make.stream(sources.train, sources.evaluation)
    parts = [make.of(source) for source in sources.train]
    if not any(map(len, parts)):
        raise make.none_left()
    rows, lengths = concatenate_datasets(parts), [len(part) for part in parts]
    division = divide(
        config, digests=_digests(rows), groups=_digests(rows, "group"), lengths=lengths,
        weights=[source.weight for source in sources.train],
        named_evaluation=bool(sources.evaluation),
    )  # fmt: skip
    names = [source.name for source in sources.train]
    make.warnings += left_out(division, names=names, lengths=lengths)
    train = rows
    if not np.array_equal(division.train, np.arange(len(rows))):
        train = rows.select(division.train)
    evaluation: Dataset | None = None
    if sources.evaluation:
        evaluation = concatenate_datasets([make.of(source) for source in sources.evaluation])
        field = sources.evaluation[0].field
        if not len(evaluation):
            raise nothing_to_evaluate(field)
        _check_overlap(train, evaluation, field=field)
    elif len(division.held):
        evaluation = rows.select(division.held)
    elif config.evaluation.fraction > 0:
        make.warnings.append(none_held_out(config))
    return make.data(train, evaluation)


class _Tokens:
    """Makes the tokens of sources, or finds them where an earlier run has made them."""

    def __init__(
        self,
        config: RunConfig,
        *,
        run: Run,
        tokenizer: PreTrainedTokenizerBase,
        tokenizer_id: str,
        before: Mapping[str, object],
    ) -> None:
        self._config = config
        self._folder = run.home / "tokens"
        self._tokenizer = tokenizer
        self._tokenizer_id = tokenizer_id
        self._before = before
        self._choices: dict[str, Choice] = {}
        self.warnings: list[str] = []
        self._unreadable: list[str] = []
        self._unlearned: list[str] = []
        self._longer = 0

    def none_left(self) -> UserError:
        """Why no row is left to train on."""
        return none_left(
            unreadable=self._unreadable,
            unlearned=self._unlearned,
            cut=self._config.method.longest_row,
            longer=too_long(self._longer, config=self._config),
        )

    def of(self, source: Source) -> Dataset:
        """The rows that suit, with the columns of the token cache."""
        source = self._pinned(source)
        rows, content = _read(source)
        encoder = self._encoder(source, rows)
        made = tokens_of(
            encoder, folder=self._folder, content=content, tokenizer_id=self._tokenizer_id
        )
        for texts in made.unique("warnings"):
            for text in texts.splitlines():
                self._warn(text)
        return self._suitable(source, made)

    def stream(self, train: Sequence[Source], evaluation: Sequence[Source]) -> Data:
        """Rows that are read as they are trained on; those to evaluate with are read now."""
        train, evaluation = [*map(self._pinned, train)], [*map(self._pinned, evaluation)]
        stream = Stream(
            lambda: [self._encoder(source, rows_of(source)) for source in train],
            config=self._config,
            weights=[source.weight for source in train],
        )
        held: Dataset | None = None
        if evaluation:
            named = [self._encoder(source, rows_of(source)) for source in evaluation]
            held = stream.evaluation(named)
        elif self._config.evaluation.fraction > 0:
            held = stream.hold_out()
        if held is None and self._config.evaluates:
            self._warn(none_held_out(self._config))
        return Data(
            train=stream.dataset(), evaluation=held, choices=self._choices,
            warnings=self.warnings, stream=stream,
        )  # fmt: skip

    def data(self, train: Dataset, evaluation: Dataset | None) -> Data:
        if evaluation is not None:
            evaluation = evaluation.select(few_to_evaluate(self._config, len(evaluation)))
        columns = list(self._config.method.columns)
        if LABEL in columns:
            labels = train.select_columns([LABEL]).with_format("numpy")[:][LABEL].tolist()
            require_both_labels(labels)
            if told := self._config.method.imbalance(
                good=sum(labels), bad=len(labels) - sum(labels)
            ):
                self._warn(told)
        if longer := too_long(self._longer, config=self._config):
            self._warn(longer)
        counted = {
            "rows": Choice(value=str(len(train))),
            "evaluation_rows": Choice(value=str(len(evaluation) if evaluation else 0)),
        }
        return Data(
            train=train.select_columns(columns),
            evaluation=evaluation.select_columns(columns) if evaluation else None,
            choices=counted | self._choices,
            warnings=self.warnings,
        )

    def _pinned(self, source: Source) -> Source:
        """The same source at the commit that it had when the run began."""
        if not isinstance(source.content, HubSplit):
            return source
        asked = source.content.revision
        key = f"revision of {source.name}" + (f", asked for as {asked}" if asked else "")
        content, choice = pin_split(source.content, before=self._before.get(key))
        self._choices[key] = choice
        return replace(source, content=content)

    def _encoder(self, source: Source, rows: Iterator[Row]) -> RowEncoder:
        made = RowEncoder(map_rows(source, rows), self._config, self._tokenizer)
        require_format(self._config.method, made.mapping, source=source)
        self._choices |= made.encoder.choices
        format = Choice(value=made.mapping.format, why=made.mapping.why)
        self._choices.setdefault("format", format)
        unused = Choice(value=", ".join(made.unused) or "none")
        self._choices.setdefault("unused_columns", unused)
        for text in [*made.encoder.warnings, *made.guesses]:
            self._warn(text)
        return made

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _suitable(self, source: Source, rows: Dataset) -> Dataset:
        """The rows that could be read, within the length limits, each with something to learn."""
        filters, method = source.filters, self._config.method
        cut = method.longest_row
        least, most = length_limits(self._config)
        facts = rows.select_columns(["length", "first_learned"]).with_format("numpy")[:]
        length, first = facts["length"], facts["first_learned"]
        read = length > 0
        fits = (length >= least) & (length <= most)
        self._longer += int((length > most).sum())
        learns = read if method.generates else first < length.clip(max=cut)
        if not read.all():
            bad = rows.select(np.flatnonzero(~read))
            self._unreadable += list(bad["place"])
            for text in skips(zip(bad["place"], bad["fault"], strict=True)):
                self._warn(text)
        empty = list(rows.select(np.flatnonzero(read & fits & ~learns))["place"])
        suitable = np.flatnonzero(read & fits & learns)
        if empty and not filters.drop_untrainable:
            raise nothing_learned(empty, rows=len(rows), cut=cut)
        if empty:
            self._unlearned += empty
            self._warn(f"Nothing to learn in {counted(len(empty))} of {source.name}: left out.")
        return rows if len(suitable) == len(rows) else rows.select(suitable)


def _read(source: Source) -> tuple[Iterator[Row], str]:
    """The rows of a source, and what tells its content from any other's."""
    if not isinstance(source.content, HubSplit):
        # The same bytes are other rows under another ending.
        return rows_of(source), fingerprint(source.content) + source.content.suffix.lower()
    split = source.content
    rows = load_hub_split(split)
    if len(rows) == 0:
        raise UserError(
            f"The split {split.split!r} of {split.name} has no rows.", field=split.split_field
        )
    placed = (Row(f"row {number}", values) for number, values in enumerate(rows, start=1))
    # datasets names a split by what it was made of.
    return placed, str(rows._fingerprint)


def _digests(rows: Dataset, name: str = "digest") -> np.ndarray:
    """For each row what is the same for its copies; or, by the name of "group", for its group."""
    found: np.ndarray = rows.select_columns([name]).with_format("numpy")[:][name]
    return found


def _check_overlap(train: Dataset, evaluation: Dataset, *, field: str) -> None:
    again = np.flatnonzero(np.isin(_digests(evaluation), _digests(train)))
    if len(again):
        raise overlap(list(evaluation.select(again)["place"]), field=field)
