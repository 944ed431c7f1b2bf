"""Rows that were looked at: which of them are shown, and how."""

import random
from dataclasses import dataclass

from core.data.preview import Question, ShownRow, Side
from core.train.preview.findings import Findings
from core.train.preview.pieces import pieces_of
from core.train.tokens.row_tokens import Sides, Tokens, length_of

MAX_SHOWN_TOKENS = 3000
MAX_SHOWN_ANSWER = 2000


@dataclass(frozen=True)
class Seen:
    """A row that was looked at, in little memory."""

    place: str
    sides: Sides
    digest: bytes
    group: bytes
    label: bool | None
    answer: str
    source: int
    teaches: bool

    @property
    def length(self) -> int:
        return length_of(self.sides)


def shown_row(row: Seen, *, index: int, by: Findings, use: str = "") -> ShownRow:
    """A row as text, token by token; `use` says what becomes of it."""
    sides = [_side(name, tokens, by=by) for name, tokens in row.sides.items()]
    return ShownRow(
        index=index, place=row.place, sides=sides, label=row.label, answer=row.answer, use=use
    )


def _side(name: str, tokens: Tokens, *, by: Findings) -> Side:
    shown = tokens.ids[:MAX_SHOWN_TOKENS].tolist()
    pieces = pieces_of(by.tokenizer, shown, tokens.trained.tolist(), cut=by.cut)
    return Side(
        name=name,
        tokens=len(tokens.ids),
        trained=by.learned(tokens),
        pieces=list(pieces),
        left_out=len(tokens.ids) - len(shown),
    )


def chosen_rows(rows: list[Seen], question: Question, *, cut: int) -> list[int]:
    """The indexes of the rows that a question asks for."""
    if not rows:
        return []
    lengths = [row.length for row in rows]
    match question.jump:
        case "longest":
            return [lengths.index(max(lengths))]
        case "shortest":
            return [lengths.index(min(lengths))]
        case "random":
            return [random.randrange(len(rows))]  # noqa: S311
        case "truncated":
            return [index for index, length in enumerate(lengths) if length > cut][:1]
        case _:
            return list(range(len(rows)))[question.start : question.start + question.count]
