"""Whether the rows of a run can be read and trained on, and fit on the disk."""

import contextlib
from contextlib import closing

from core.builtin.datasets import builtin_datasets_for
from core.config.builtin_names import BUILTIN_DATASET, BUILTIN_MODEL
from core.config.check import Context
from core.config.options import DatasetSource
from core.config.run_config import RunConfig, data_name
from core.data.preview import OutOfMemory, Preview, Question
from core.data.previewer import Previewer, Superseded, require
from core.hub.deadline import is_over
from core.machine.disk import require_room

# What is downloaded is unpacked into Arrow files beside it, and its tokens are stored too.
DOWNLOAD_FACTOR = 3
# No row of the built-in datasets has more tokens.
BUILTIN_LONGEST = 128


def check_data(config: RunConfig, context: Context, *, previewer: Previewer | None) -> list[str]:
    """Files are read to the end; of a dataset on the Hub, the first rows.

    `previewer` is one that others may use meanwhile, or None.
    """
    context.report("Checking the data…")
    # An earlier check may have waited for the Hub in vain.
    offline = is_over()
    if _is_known_to_be_right(config) or (offline and _is_builtin(config)):
        return []
    is_here = config.dataset.source is not DatasetSource.HUB and not config.dataset.mix
    if previewer is not None and is_here and not offline:
        # What lies on the Hub may have changed since. What others look at may take the turns of
        # this process, and its memory.
        with contextlib.suppress(Superseded, OutOfMemory):
            _check_rows(config, previewer=previewer, context=context)
            return []
    with closing(Previewer(offline=offline)) as own:
        _check_rows(config, previewer=own, context=context)
    return []


def _check_rows(config: RunConfig, *, previewer: Previewer, context: Context) -> None:
    """Raises UserError at a fault in the data, and Superseded as `Previewer` does."""
    dataset = config.dataset
    question = Question(config=config, files=dict(context.files), home=context.home)
    if dataset.source is DatasetSource.HUB or dataset.mix:
        context.report(f"Reading the first rows of {data_name(config)}…")
        # The rest is read when it is downloaded, as the run begins.
        preview = require(previewer.ask(question, token=context.token))
        _require_room_for_download(preview, question)
    if dataset.source is not DatasetSource.HUB:
        _check_all_rows(question, previewer=previewer, context=context)


def _is_builtin(config: RunConfig) -> bool:
    """Whether the data is ours alone, in which only the model can find a fault."""
    return config.dataset.source is DatasetSource.BUILTIN and not config.dataset.mix


def _is_known_to_be_right(config: RunConfig) -> bool:
    """Whether this is our own data for our own model and this method, with no row cut off."""
    return (
        config.dataset.source is DatasetSource.BUILTIN
        and config.dataset.builtin == BUILTIN_DATASET
        and config.model.name == BUILTIN_MODEL
        and config.method.max_length >= BUILTIN_LONGEST
        and BUILTIN_DATASET in builtin_datasets_for(config.method.name)
    )


def _require_room_for_download(preview: Preview, question: Question) -> None:
    """Raises UserError when the data is larger than the disk, and is not streamed."""
    if question.config.dataset.streaming:
        return
    require_room(
        DOWNLOAD_FACTOR * preview.download, home=question.home, what="This dataset",
        field="dataset.name", hint="Turn on `dataset.streaming`, or choose a subset.",
    )  # fmt: skip


def _check_all_rows(question: Question, *, previewer: Previewer, context: Context) -> None:
    """Raises UserError when a row of the person's files can't be trained on."""
    dataset = question.config.dataset.model_copy(update={"mix": ()})
    unmixed = question.config.model_copy(update={"dataset": dataset})
    question = question.model_copy(update={"config": unmixed})
    preview = previewer.check(question, token=context.token, report=context.report)
    require_room(
        preview.statistics.token_bytes, home=question.home, what="Preparing this data",
        field="dataset.files", hint="Free some disk space, or train on fewer rows.",
    )  # fmt: skip
