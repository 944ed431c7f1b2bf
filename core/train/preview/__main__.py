"""Answers what the model will see: python -m core.train.preview

One question a line comes in on standard input, one answer a line goes out, both JSON. It goes the
trainer's own way: the same reading, the same columns, the same tokens.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path

# Tokenizers need no torch, and the seconds and the memory that it takes are the person's. A fork
# of the warm process has it already.
_IS_COLD = "torch" not in sys.modules
if _IS_COLD:
    sys.modules["torch"] = None  # type: ignore[assignment]

from core.data.column_values import columns_of  # noqa: E402
from core.data.examples import LOOKED_AT_ROWS, map_rows, rows_of  # noqa: E402
from core.data.hub_rows import HubContents, contents, info_of  # noqa: E402
from core.data.preview import (  # noqa: E402
    Fault,
    Preview,
    Question,
    limit_memory,
    too_large,
)
from core.data.row import Row  # noqa: E402
from core.data.sources import MIX_FIELD, HubSplit, Source, sources_of  # noqa: E402
from core.errors import UserError  # noqa: E402
from core.estimate.model_files import shape_in, shape_on_hub  # noqa: E402
from core.estimate.model_shape import ModelShape  # noqa: E402
from core.settings import token_of_this_process  # noqa: E402
from core.train.preview.look import Look  # noqa: E402
from core.train.tokenizer import ModelSource, load_tokenizer  # noqa: E402
from core.train.tokens.rows import RowEncoder  # noqa: E402

# By now they know that there is none; datasets takes its name alone for its presence.
if _IS_COLD:
    del sys.modules["torch"]


class Answers:
    """Answers questions, keeping what the last one was about."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._numbers = count(1)
        self._key = ""
        self._model: tuple[str, ModelSource] | None = None
        self._contents: tuple[HubSplit, HubContents] | None = None
        self._shape: tuple[ModelSource, tuple[ModelShape | None, str]] | None = None

    def answer(self, question: Question) -> Preview:
        key = self._key_of(question)
        if key != self._key or self._look is None:
            self._key, self._look = "", None
            found = Preview()
            try:
                self._look = self._open(question, found)
                self._look.preview.look = next(self._numbers)
                self._key = key
            except (UserError, MemoryError) as error:
                # With all that was found out before: a person can choose from it.
                found.fault = _fault_of(error)
                return found
        look = self._look
        try:
            look.read_on(
                wanted=question.start + question.count,
                seconds=question.seconds,
                to_the_end=question.to_the_end,
            )
        except (UserError, MemoryError) as error:
            look.preview.fault = _fault_of(error)
            # What is at fault may be put right by the next question, such as a Hub that is away.
            self._look = None
        look.finish()
        look.preview.rows = look.shown(question)
        if question.wants_shape:
            look.preview.shape, look.preview.shape_unknown = self._shape_of(question)
        return look.preview

    def _open(self, question: Question, found: Preview) -> Look:
        """Open all sources, and write what they hold into `found` as soon as it is known."""
        config = question.config
        sources = sources_of(config, question.files)
        # Before the model: whoever has yet to name the columns need not wait for it.
        readers = [
            (source, _columns(source, self._rows(source, found), found)) for source in sources.train
        ]
        mapped = [map_rows(source, rows) for source, rows in readers]
        try:
            tokenizer = self._tokenizer(question).tokenizer
        except UserError:
            # The model is looked up by itself before a start; the data's faults are told here.
            for each in mapped:
                list(each.examples(islice(each.rows, LOOKED_AT_ROWS)))
            raise
        opened = [RowEncoder(each, config, tokenizer) for each in mapped]
        mapping = opened[0].mapping
        found.format, found.parts = mapping.format, mapping.parts
        found.why, found.sure = mapping.why, mapping.sure
        found.unused, found.deciding = opened[0].unused, opened[0].deciding
        evaluation = [
            RowEncoder(map_rows(source, self._rows(source, Preview())), config, tokenizer)
            for source in sources.evaluation
        ]
        return Look(config, tokenizer, opened, evaluation, found)

    def _rows(self, source: Source, found: Preview) -> Iterator[Row]:
        if not isinstance(source.content, HubSplit):
            return rows_of(source)
        info = info_of(source.content)
        split = replace(source.content, revision=info.sha)
        held = self._contents_of(
            split, sizes={f.rfilename: f.size or 0 for f in info.siblings or []}
        )
        found.download += held.size
        if source.field != MIX_FIELD:
            found.subsets, found.splits = held.subsets, held.splits
        return rows_of(replace(source, content=split))

    def _contents_of(self, split: HubSplit, *, sizes: dict[str, int]) -> HubContents:
        """What the dataset holds, asked once while only other settings change."""
        key = replace(split, split="")
        if self._contents is None or self._contents[0] != key:
            self._contents = (key, contents(split, sizes=sizes))
        return self._contents[1]

    def _tokenizer(self, question: Question) -> ModelSource:
        """The model's tokenizer, kept while only other settings change."""
        model = question.config.model
        key = f"{model.model_dump_json()} {question.home}"
        if self._model is None or self._model[0] != key:
            self._model = (key, load_tokenizer(model, home=question.home, before=None))
        return self._model[1]

    def _shape_of(self, question: Question) -> tuple[ModelShape | None, str]:
        """The model's shape, or why it can't be told; looked up once while the model stays."""
        source = self._tokenizer(question)
        if self._shape is None or self._shape[0] is not source:
            found: tuple[ModelShape | None, str]
            try:
                token = token_of_this_process()
                is_here = Path(source.path).is_dir()
                shape = (
                    shape_in(Path(source.path))
                    if is_here
                    else shape_on_hub(source.path, revision=source.revision, token=token)
                )
                found = shape, ""
            except UserError as error:
                found = None, str(error)
            self._shape = (source, found)
        return self._shape[1]

    def _key_of(self, question: Question) -> str:
        named = {"model", "dataset", "columns", "filters", "method", "evaluation"}
        changed = {name: path.stat().st_mtime_ns for name, path in question.files.items()}
        asked = question.config.model_dump_json(include=named)
        return f"{asked} {question.home} {question.files} {changed}"


def _columns(source: Source, rows: Iterator[Row], found: Preview) -> Iterator[Row]:
    """Note the columns of the first rows. Returns all rows, these included."""
    first = list(islice(rows, LOOKED_AT_ROWS))
    if source.field == MIX_FIELD:
        return chain(first, rows)
    names = columns_of(row.values for row in first)
    found.columns = list(dict.fromkeys([*found.columns, *names]))
    return chain(first, rows)


def _fault_of(error: UserError | MemoryError) -> Fault:
    return Fault.of(too_large("dataset.files") if isinstance(error, MemoryError) else error)


def main() -> None:
    limit_memory()
    answers = Answers()
    for line in sys.stdin.buffer:
        preview = answers.answer(Question.model_validate_json(line))
        sys.stdout.write(preview.model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
