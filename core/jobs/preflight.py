"""Everything that can be known to fail before anything expensive starts."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from pydantic import SecretStr

from core.builtin.model import builtin_model_folder, is_ready
from core.config.builtin_names import BUILTIN_DATASET, BUILTIN_MODEL
from core.config.options import AdapterKind, DatasetSource, Tracking
from core.config.run_config import RunConfig, data_name
from core.data.preview import Preview, Question
from core.data.previewer import Previewer, require
from core.errors import HubUnreachable, InvalidConfig, UserError, fields_of
from core.hub.licences import licences_of_run, limits, require_sharing_allowed
from core.hub.lookups import model_config, model_info
from core.hub.permissions import experiments_repo, target_repo, writable_owner

# What a run writes besides weights: logs, events, prepared data.
SPARE_BYTES = 500 * 1024**2
# The optimizer keeps two numbers a weight, in float32, beside the weights themselves.
FULL_CHECKPOINT_FACTOR = 3
# What is downloaded is unpacked into Arrow files beside it, and its tokens are kept.
DOWNLOAD_FACTOR = 3
BUILTIN_BYTES = 270 * 1024**2
# No row of the built-in datasets has more tokens.
BUILTIN_LONGEST = 128


def check(
    config: RunConfig,
    *,
    files: Mapping[str, Path],
    home: Path,
    token: SecretStr | None,
    report: Callable[[str], None],
) -> list[str]:
    """Look at all that a run needs: data, model, room on the disk, the right to push.

    `report` is told what is being looked at. Returns what a person should know and may accept.
    Raises InvalidConfig with every fault that has a field, or UserError for one that has none.
    """
    warnings: list[str] = []
    faults: dict[str, str] = {}

    def collect(step: Callable[[], None]) -> None:
        try:
            step()
        except UserError as error:
            if error.field is None:
                raise
            for field, text in fields_of(error).items():
                faults.setdefault(field, text)

    report("Checking the model…")
    collect(lambda: _check_model(config, home=home, token=token))
    report("Checking the data…")
    if not _is_known_to_be_right(config):
        question = Question(config=config, files=dict(files), home=home)
        with closing(Previewer()) as previewer:
            collect(lambda: _check_data(question, previewer=previewer, token=token, report=report))
    if config.output.push_to_hub:
        report("Checking that you may push…")
        collect(lambda: _check_push(config, token=token))
    if config.output.tracking is not Tracking.NONE:
        report("Checking that you may track online…")
        collect(lambda: _check_tracking(config, token=token))
    if config.output.sync_checkpoints:
        collect(lambda: _check_checkpoint_sync(config, token=token))
    report("Checking the licences…")
    collect(lambda: warnings.extend(_check_licences(config, token=token)))
    if faults:
        raise InvalidConfig(faults)
    return warnings


def _is_known_to_be_right(config: RunConfig) -> bool:
    """Whether this is our own data for our own model, with all of it kept."""
    return (
        config.dataset.source is DatasetSource.BUILTIN
        and config.dataset.builtin == BUILTIN_DATASET
        and config.model.name == BUILTIN_MODEL
        and config.method.max_length >= BUILTIN_LONGEST
    )


def _check_data(
    question: Question,
    *,
    previewer: Previewer,
    token: SecretStr | None,
    report: Callable[[str], None],
) -> None:
    dataset = question.config.dataset
    if dataset.source is DatasetSource.HUB or dataset.mix:
        report(f"Reading the first rows of {data_name(question.config)}…")
        # The rest is read when it is downloaded, as the run begins.
        preview = require(previewer.ask(question, token=token))
        _check_download(preview, question)
    if dataset.source is DatasetSource.HUB:
        return
    unmixed = question.config.model_copy(update={"dataset": dataset.model_copy(update={"mix": ()})})
    question = question.model_copy(update={"config": unmixed})
    preview = previewer.check(question, token=token, report=report)
    _require_room(
        preview.statistics.token_bytes + SPARE_BYTES, home=question.home,
        what="What is made of this data",
        field="dataset.files", hint="Free some of it, or train on fewer rows.",
    )  # fmt: skip


def _check_download(preview: Preview, question: Question) -> None:
    """Raises UserError when the data is larger than the disk, and is not read as it comes."""
    if question.config.dataset.streaming:
        return
    _require_room(
        DOWNLOAD_FACTOR * preview.download + SPARE_BYTES, home=question.home, what="This dataset",
        field="dataset.name",
        hint="Turn on 'Read as it comes' under Advanced settings, Dataset, or choose a subset.",
    )  # fmt: skip


def _check_model(config: RunConfig, *, home: Path, token: SecretStr | None) -> None:
    name = config.model.name
    if name == BUILTIN_MODEL and is_ready(builtin_model_folder(home)):
        _check_disk(config, home=home, weights=BUILTIN_BYTES, download=0)
        return
    try:
        info = model_info(name, revision=config.model.revision, token=token)
    except HubUnreachable as error:
        if name != BUILTIN_MODEL:
            raise
        raise UserError(
            "The built-in model is not on this machine yet, and the Hub gives no answer.",
            hint="Run 'python -m core.builtin' once, or start with 'make run'.",
            field="model.name",
        ) from error
    files = info.siblings or []
    weights = sum(f.size or 0 for f in files if f.rfilename.endswith(".safetensors"))
    if weights == 0:
        raise UserError(
            f"{name} has no safetensors files, and SmolFactory opens no other kind of weights.",
            hint="Choose a model that has them, or a converted copy.",
            field="model.name",
        )
    if "auto_map" in model_config(name, revision=info.sha, token=token):
        raise UserError(
            f"{name} needs code of its own to run, and SmolFactory runs none.",
            hint="Choose a model that transformers knows.",
            field="model.name",
        )
    _check_disk(config, home=home, weights=weights, download=weights)


def _check_disk(config: RunConfig, *, home: Path, weights: int, download: int) -> None:
    checkpoints = config.training.save_total_limit + 1
    is_full = config.adapter.kind is AdapterKind.FULL
    written = weights * (FULL_CHECKPOINT_FACTOR * checkpoints + 1) if is_full else 0
    _require_room(
        written + download + SPARE_BYTES, home=home, what="This run",
        field="training.save_total_limit" if is_full else "model.name",
        hint="Delete old runs, keep fewer checkpoints, or train an adapter.",
    )  # fmt: skip


def _require_room(needed: int, *, home: Path, what: str, field: str, hint: str) -> None:
    """Raises UserError at `field` when the disk of the home has less free than so many bytes."""
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < needed:
        raise UserError(
            f"{what} needs about {needed / 1024**3:.1f} GB of disk; {free / 1024**3:.1f} GB are "
            "free.",
            hint=hint,
            field=field,
        )


def _check_push(config: RunConfig, *, token: SecretStr | None) -> None:
    try:
        target_repo(config.output, token)
    except HubUnreachable as error:
        raise UserError(
            "The Hub gives no answer, so nobody can say whether you may push.",
            hint="Turn this off and push later, with one button.",
            field="output.push_to_hub",
        ) from error


def _check_tracking(config: RunConfig, *, token: SecretStr | None) -> None:
    try:
        experiments_repo(config.output, token)
    except HubUnreachable as error:
        raise UserError(
            "The Hub gives no answer, so nobody can say whether you may track there.",
            hint="Turn tracking off, or try again later.",
            field="output.tracking",
        ) from error


def _check_checkpoint_sync(config: RunConfig, *, token: SecretStr | None) -> None:
    field = "output.sync_checkpoints"
    if token is None:
        raise UserError(
            "Syncing checkpoints to the Hub needs a Hugging Face token, and there is none here.",
            hint="Sign in, or set HF_TOKEN and start SmolFactory again.",
            field=field,
        )
    try:
        writable_owner(config.output, token)
    except UserError as error:
        raise UserError(error.message, hint=error.hint, field=field) from error


def _check_licences(config: RunConfig, *, token: SecretStr | None) -> list[str]:
    """What the licences forbid. Raises UserError where it is what the run is to do."""
    if config.output.push_to_hub and not config.output.hub_private_repo:
        require_sharing_allowed(config, token=token)
    return [
        text
        for licence, of in licences_of_run(config, token=token)
        for text in limits(licence, of=of)
    ]
