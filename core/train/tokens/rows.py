"""Rows of one source as tokens: the one way that the preview and the trainer both go."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config.options import DatasetFormat
from core.config.run_config import RunConfig
from core.data.examples import MappedRows, PlacedExample
from core.data.formats import Example
from core.data.row import SKIP, Row
from core.data.sources import MIX_FIELD
from core.errors import UserError
from core.train.tokens.encode import Encoder
from core.train.tokens.learnable import require_answers
from core.train.tokens.row_tokens import CHOSEN, REJECTED, Refused, Sides, digest_of


@dataclass(frozen=True)
class EncodedRow:
    """A row as tokens by side; without any, and with its fault, where it is skipped."""

    place: str
    example: Example
    sides: Sides
    fault: str = ""
    # What of it the model will not see.
    warnings: tuple[str, ...] = ()
    # Whether it is one answer of a pair.
    is_half: bool = False

    @property
    def digest(self) -> bytes:
        """The same for rows that are copies: those with the same tokens, and the same label."""
        label = self.example.get("label")
        return self._tokens_digest() if label is None else self._tokens_digest(str(label))

    @property
    def group(self) -> bytes:
        """The same for rows of which none may be evaluated with where another is trained on.

        Those are rows with the same tokens, and the answers of pairs that have the same prompt.
        """
        if self.is_half:
            return digest_of(json.dumps(self.example["prompt"], default=str).encode())
        return self._tokens_digest()

    def _tokens_digest(self, *texts: str) -> bytes:
        tokens = (side.ids.tobytes() for side in self.sides.values())
        return digest_of(*tokens, *(text.encode() for text in texts))


class RowEncoder:
    """Turns rows of one source into tokens, each row by itself.

    Raises UserError when their format does not suit the model.
    """

    def __init__(
        self, mapped: MappedRows, config: RunConfig, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.source, self.mapping, self.rows = mapped.source, mapped.mapping, mapped.rows
        self._mapped = mapped
        self.deciding, self.unused, self.dropped = mapped.deciding, mapped.unused, mapped.dropped
        self.columns = config.method.columns
        # A method of labeled answers takes a pair as two of them, as TRL does.
        self._unpairs = self.mapping.format is DatasetFormat.PREFERENCE and "label" in self.columns
        # A method that writes its answers itself takes those of the rows to compare with.
        self._asks = config.method.generates
        self.compared = config.method.compares_with_answers
        if config.method.learns_answers_only:
            wanted = (
                self.source.format is DatasetFormat.TEXT or self.source.columns.text is not None
            )
            require_answers(self.mapping, is_named=wanted or self.source.field == MIX_FIELD)
        self.encoder = Encoder(
            tokenizer,
            format=self._format(),
            answers_only=config.method.learns_answers_only,
            closes=config.method.closes,
            model_name=config.model.name,
        )

    def _format(self) -> DatasetFormat:
        """What the rows' examples are, once they are such as the method takes."""
        if self._unpairs:
            return DatasetFormat.UNPAIRED_PREFERENCE
        is_asked = self._asks and self.mapping.format is DatasetFormat.PROMPT_COMPLETION
        return DatasetFormat.PROMPT_ONLY if is_asked else self.mapping.format

    @property
    def guesses(self) -> list[str]:
        """Warnings where what the columns are for is a guess, or where text is left unused."""
        mapping, found = self.mapping, []
        if mapping.doubtful:
            names = ", ".join(repr(name[:60]) for name in mapping.doubtful[:8])
            found.append(
                f"Unused columns of {self.source.name} hold text: {names}. If the model should "
                "learn or read it, choose the columns yourself."
            )
        if mapping.flags and self.source.filters.drop_where is None:
            found.append(
                f"{mapping.flags[0][:60]!r} is true of some rows of {self.source.name}, which may "
                f"say that they are bad: set `filters.drop_where` to {mapping.flags[0][:60]} to "
                "leave them out."
            )
        if mapping.is_guess:
            found.append(
                f"What {self.source.name} holds is a guess: {mapping.why}. If it is wrong, choose "
                "the columns yourself."
            )
        return found

    def encode(self, rows: Sequence[Row]) -> list[EncodedRow]:
        """Raises UserError at a row that can't be formatted, unless the filters skip those."""
        placed = self._examples(rows)
        whole = [each for each in placed if each.example is not None]
        encoded = iter(self.encoder.encode([each.example or {} for each in whole]) if whole else ())
        return [
            self._row(each, each.example, next(encoded))
            if each.example is not None
            else EncodedRow(each.place, {}, {}, fault=each.fault)
            for each in placed
        ]

    def format(self, rows: Sequence[Row]) -> list[EncodedRow]:
        """Look only whether rows can be formatted, which is quick. Raises as `encode` does."""
        return [
            EncodedRow(each.place, each.example or {}, {}, fault=each.fault)
            for each in self._examples(rows)
        ]

    def _examples(self, rows: Sequence[Row]) -> list[PlacedExample]:
        placed = list(self._mapped.examples(rows))
        if self._asks:
            return [_asked(each) for each in placed]
        if self._unpairs:
            return [answer for each in placed for answer in _unpaired(each)]
        return placed

    def _unscored(self, example: Example) -> list[str]:
        if not self.compared or str(example.get("answer", "")).strip():
            return []
        return [
            f"Some rows have no reference answer, so {' and '.join(self.compared)} can't score "
            "what the model writes there: fill them in, or drop them with `filters.drop_empty`."
        ]

    def _row(self, placed: PlacedExample, example: Example, sides: Sides | Refused) -> EncodedRow:
        place = placed.place
        if not isinstance(sides, Refused):
            warnings = (*placed.warnings, *self.encoder.lost(example), *self._unscored(example))
            return EncodedRow(place, example, sides, warnings=warnings, is_half=self._unpairs)
        if not self.source.filters.skip_unreadable:
            raise UserError(
                f"{place}: {sides.reason}",
                hint=f"Fix the row, {SKIP}, or choose a model whose template takes it.",
                field=self.source.field,
            )
        return EncodedRow(place, {}, {}, fault=sides.reason)


def _asked(placed: PlacedExample) -> PlacedExample:
    """A prompt with its answer as text, to compare with."""
    example = placed.example
    if example is None or "completion" not in example:
        return placed
    shared = {name: part for name, part in example.items() if name != "completion"}
    answer = str(example["completion"][-1]["content"])
    return replace(placed, example=shared | {"answer": answer})


def _unpaired(placed: PlacedExample) -> Iterator[PlacedExample]:
    """A pair as a good answer and a bad one."""
    pair = placed.example
    if pair is None:
        yield placed
        return
    shared = {name: part for name, part in pair.items() if name not in (CHOSEN, REJECTED)}
    for side in (CHOSEN, REJECTED):
        answer = {"completion": pair[side], "label": side == CHOSEN}
        yield replace(placed, place=f"{placed.place} ({side})", example=shared | answer)
