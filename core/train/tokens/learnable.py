"""What data can't teach, and how a person is told: the preview and the trainer say the same."""

from collections.abc import Iterable, Sequence

from core.config.methods import METHODS
from core.config.methods.settings import MethodSettings
from core.config.options import DatasetFormat
from core.data.formats import LEFT_OUT
from core.data.mapping import RowMapping
from core.errors import UserError
from core.train.tokens.split import counted, listed

UNREADABLE = "can't be read"


def require_format(method: MethodSettings, mapping: RowMapping, *, field: str) -> None:
    """Raises UserError at `field` when the method can't learn from rows of this format."""
    format = mapping.format
    if format in method.formats:
        return
    *others, last = [each.words for each in method.formats]
    taken = f"{', '.join(others)} or {last}" if others else last
    suitable = [other.title for other in METHODS.values() if format in other.formats]
    hint = "Choose another dataset"
    if mapping.conversations and DatasetFormat.MESSAGES in method.formats:
        hint = f"Set `dataset.format` to messages, to learn {mapping.conversations[0]!r}"
    elif suitable:
        hint += f", or the method {' or '.join(suitable)}, which learns from these"
    elif field != "dataset.builtin":
        hint += ". To learn one column as the answer, set the format prompt_completion and name it"
    raise UserError(
        f"This data is {format.words}, and {method.title} learns from {taken}.",
        hint=f"{hint}.",
        field=field,
    )


def nothing_learned(places: Sequence[str], *, rows: int, cut: int) -> UserError:
    """The refusal of data in which the rows at these places teach nothing."""
    return UserError(
        f"In {len(places):,} of {rows:,} rows nothing would be learned, since their answers begin "
        f"after {cut:,} tokens or are empty: {listed(places)}.",
        hint="Raise `method.max_length`, or turn on `filters.drop_untrainable`.",
        field="method.max_length",
    )


def none_left(*, unreadable: Sequence[str], unlearned: Sequence[str], cut: int) -> UserError:
    """The refusal of data of which no row is left, by the places of those that are left out."""
    if unlearned:
        return nothing_learned(unlearned, rows=len(unlearned) + len(unreadable), cut=cut)
    if unreadable:
        return UserError(
            f"No row is left to train on, since none can be read: {listed(unreadable)}.",
            hint="Turn off `filters.skip_unreadable` to see what is wrong with the first.",
            field="filters.skip_unreadable",
        )
    return UserError(
        "The filters leave no row to train on.", hint="Loosen them.", field="filters.min_length"
    )


def nothing_to_evaluate(field: str) -> UserError:
    """The refusal of rows to evaluate with of which none is left."""
    return UserError(
        "No row is left to evaluate with: none can be read, suits the length limits and has "
        "something to learn.",
        hint="Choose others, or hold out a share of the training rows.",
        field=field,
    )


def skipped(places: Sequence[str], *, why: str = UNREADABLE) -> str:
    """The warning about rows that are left out, by themselves or because a person wants it so."""
    return f"Skipped, since they {why}: {counted(len(places))} ({listed(places)})."


def skips(faults: Iterable[tuple[str, str]]) -> list[str]:
    """The warnings about rows that are left out, by the place and the fault of each."""
    by_reason: dict[str, list[str]] = {}
    for place, fault in faults:
        by_reason.setdefault(fault if fault in LEFT_OUT else UNREADABLE, []).append(place)
    return [skipped(places, why=reason) for reason, places in by_reason.items()]
