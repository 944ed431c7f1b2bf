"""What data can't teach, and how a person is told: the preview and the trainer say the same."""

import math
import re
from collections.abc import Collection, Iterable, Sequence

from core.config.methods import METHODS
from core.config.methods.settings import MethodSettings
from core.config.options import DatasetFormat
from core.config.run_config import RunConfig
from core.data.column_names import OPTIONAL, REQUIRED, columns_called
from core.data.formats import LEFT_OUT
from core.data.mapping import RowMapping
from core.data.sources import Source
from core.errors import UserError
from core.train.tokens.split import counted, listed

UNREADABLE = "can't be read"
# So many reasons for it are told apart.
MANY_REASONS = 8


def length_limits(config: RunConfig) -> tuple[int, float]:
    """The fewest and the most tokens of rows that are trained on."""
    filters, method = config.filters, config.method
    most = filters.max_length or math.inf
    return filters.min_length or 0, most if method.truncates else min(most, method.longest_row)


def too_long(rows: int, *, config: RunConfig) -> str | None:
    """A warning about rows that are left out since a part of them would be something else."""
    most, method = config.method.longest_row, config.method
    if not rows or method.truncates or (config.filters.max_length or math.inf) <= most:
        return None
    beside = ", which is what the answers leave of the maximum length" if method.generates else ""
    return (
        f"Left out, since they are longer than {most:,} tokens{beside}: {counted(rows)}. Raise "
        "`method.max_length` to learn from them."
    )


def require_format(method: MethodSettings, mapping: RowMapping, *, source: Source) -> None:
    """Raises UserError at the source when the method can't learn from rows of this format."""
    format, field = mapping.format, source.format_field
    if format in method.formats:
        _require_reference(method, mapping)
        return
    *others, last = [each.words for each in method.formats]
    taken = f"{', '.join(others)} or {last}" if others else last
    hint = "Choose another dataset"
    if nearest := nearest_method(format):
        hint += f", or the method {nearest.title}, which learns from these"
    if missing := _missing_parts(mapping, source, method.formats):
        columns = " and ".join(f"`columns.{part}`" for part in missing)
        named = ", ".join(mapping.unused[:8])
        hint = f"Set {columns}; not used so far: {named}. Or c{hint[1:]}"
        field = f"columns.{missing[0]}"
    elif field == "dataset.format":
        hint += _other_reading(mapping, method.formats)
    raise UserError(
        f"This data is {format.words}, and {method.title} learns from {taken}.",
        hint=f"{hint}.",
        field=field,
    )


def _require_reference(method: MethodSettings, mapping: RowMapping) -> None:
    """Raises UserError where something compares with a reference answer that no column has."""
    compared = method.compares_with_answers
    if not compared or not {"answer", "completion"}.isdisjoint(mapping.parts):
        return
    named = f" to one of {', '.join(mapping.unused[:8])}" if mapping.unused else ""
    others = "one that compares with none, such as regex, json_object or length"
    raise UserError(
        f"The reward {compared[0]} compares with a reference answer, and this data has none.",
        hint=f"Set `columns.answer`{named}, or change `method.rewards` to {others}.",
        field="columns.answer",
    )


def _missing_parts(
    mapping: RowMapping, source: Source, formats: Sequence[DatasetFormat]
) -> list[str]:
    """What is yet to be named by a person who has named the prompt, and no more, of the columns."""
    is_begun = source.columns.prompt is not None and source.format is DatasetFormat.AUTO
    if mapping.format is not DatasetFormat.PROMPT_ONLY or not is_begun or not mapping.unused:
        return []
    asked = [REQUIRED[each] for each in formats if "prompt" in REQUIRED[each] + OPTIONAL[each]]
    return [part for part in asked[0] if part not in mapping.parts] if asked else []


def nearest_method(format: DatasetFormat) -> type[MethodSettings] | None:
    """The method that rows of this format suit best; None where they suit none."""
    suitable = [method for method in METHODS.values() if format in method.formats]
    return min(suitable, key=lambda method: method.formats.index(format), default=None)


def require_both_labels(labels: Collection[bool]) -> None:
    """Raises UserError at rows that all have one label: nothing tells a good answer from a bad."""
    if len(set(labels)) == 1:
        label = str(next(iter(labels))).lower()
        raise UserError(
            f"All answers are labeled {label}, and this method learns from the difference.",
            hint=f"Add rows labeled {'false' if label == 'true' else 'true'}, or choose another "
            "column as the label.",
            field="columns.label",
        )


def _other_reading(mapping: RowMapping, formats: Sequence[DatasetFormat]) -> str:
    """How rows of a format that a method can't learn from can be read as one that it can."""
    if mapping.dialogues and DatasetFormat.MESSAGES in formats:
        named = f"`messages` and `columns.messages` to {mapping.dialogues[0]}"
        return f". To learn its conversations, set `dataset.format` to {named}"
    if DatasetFormat.PROMPT_COMPLETION not in formats:
        return ""
    if mapping.format is DatasetFormat.UNPAIRED_PREFERENCE:
        told = "To learn all of its answers, whatever their label"
        return f". {told}, set `dataset.format` to `prompt_completion`"
    if mapping.format is DatasetFormat.PREFERENCE and "prompt" in mapping.parts:
        told, answer = "To learn the better answers", mapping.parts["chosen"]
    elif mapping.answers:
        told, answer = "To learn one column as the answer", mapping.answers[0]
    elif mapping.format is DatasetFormat.PROMPT_ONLY:
        return ", or put the answers into a column of text"
    else:
        return ""
    named = f"`prompt_completion` and `columns.completion` to {answer}"
    return f". {told}, set `dataset.format` to {named}"


def require_answers(mapping: RowMapping, *, is_named: bool) -> None:
    """Raises UserError at plain text, of which nobody can tell what the answer is.

    `is_named` says that a person wants it as text.
    """
    if mapping.format is not DatasetFormat.TEXT:
        return
    text, field = mapping.parts["text"], "method.assistant_only_loss"
    hint = "Turn off `method.assistant_only_loss` to learn all of the text."
    if not is_named and mapping.dialogues:
        field = "columns.messages"
        hint = f"Set `columns.messages` to {mapping.dialogues[0]} to learn the answers in it."
    elif not is_named and mapping.answers:
        field, other = "columns.completion", mapping.answers[0]
        prompt, answer = (other, text) if columns_called("prompt", [other]) else (text, other)
        named = f"Set `columns.prompt` to {prompt} and `columns.completion` to {answer}"
        hint = f"{named}, or the other way round."
    elif not is_named and mapping.unused:
        hint = (
            f"If another column ({', '.join(mapping.unused[:8])}) is the answer, set "
            f"`columns.prompt` to {text} and `columns.completion` to it. Otherwise, turn off "
            "`method.assistant_only_loss` to learn all of the text."
        )
    raise UserError(
        "This data is plain text, so there are no answers to tell from questions.",
        hint=hint,
        field=field,
    )


def nothing_learned(places: Sequence[str], *, rows: int, cut: int) -> UserError:
    """The refusal of data in which the rows at these places teach nothing."""
    return UserError(
        f"In {len(places):,} of {counted(rows)} nothing would be learned, since their answers "
        f"begin after {cut:,} tokens or are empty: {listed(places)}.",
        hint="Raise `method.max_length`, or turn on `filters.drop_untrainable`.",
        field="method.max_length",
    )


def none_left(
    *, unreadable: Sequence[str], unlearned: Sequence[str], cut: int, longer: str | None = None
) -> UserError:
    """The refusal of data of which no row is left, by the places of those that are left out.

    `longer` is the warning about those that are too long.
    """
    if longer:
        return UserError(
            f"Every row is longer than {cut:,} tokens, and such rows are left out.",
            hint="Raise `method.max_length`.",
            field="method.max_length",
        )
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
    return f"Skipped {counted(len(places))} ({listed(places)}): {why}."


def skips(faults: Iterable[tuple[str, str]]) -> list[str]:
    """The warnings about rows that are left out, by the place and the fault of each."""
    by_reason: dict[str, list[str]] = {}
    for place, fault in faults:
        reason = _reason(fault, place=place)
        known = reason in by_reason or len(by_reason) < MANY_REASONS
        by_reason.setdefault(reason if known else UNREADABLE, []).append(place)
    return [skipped(places, why=reason) for reason, places in by_reason.items()]


def _reason(fault: str, *, place: str) -> str:
    """A fault without the row that it is of, to count the rows that have it."""
    if fault in LEFT_OUT:
        return fault
    line = place.partition(" of ")[0].capitalize()
    told = re.sub(rf"^{line} of .+?\.\w+ (has|is) ", "", fault.replace(f" in {place}", ""))
    return told[:1].lower() + told[1:].rstrip(".")
