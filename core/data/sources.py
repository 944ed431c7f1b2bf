"""Rows of files as examples: the built-in datasets' and the person's own."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from core.data.files import read_rows
from core.data.formats import Example, find_shape, to_example
from core.options import DatasetShape
from core.sections import DatasetSection

REPORT_EVERY_ROWS = 20_000


def examples_of_file(
    path: Path, *, dataset: DatasetSection
) -> tuple[DatasetShape, Iterator[Example]]:
    """The shape of a file's rows, and the rows in it.

    Raises UserError at once when its columns make no shape, and while iterating at a bad row.
    """
    rows = read_rows(path)
    first = next(rows)
    shape = find_shape(dataset, first.values.keys())
    examples = (to_example(row, dataset=dataset, shape=shape) for row in chain([first], rows))
    return shape, examples


def check_file(
    path: Path, *, dataset: DatasetSection, report: Callable[[str], None]
) -> DatasetShape:
    """Read a whole file as training would. Returns its shape; raises UserError at a bad row."""
    shape, examples = examples_of_file(path, dataset=dataset)
    for count, _ in enumerate(examples, start=1):
        if count % REPORT_EVERY_ROWS == 0:
            report(f"Checked {count:,} rows…")
    return shape
