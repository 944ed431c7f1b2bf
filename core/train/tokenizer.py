"""The base model's tokenizer, from this machine or the Hub. Needs no torch: previews use it too."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from transformers import AutoTokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.builtin.model import builtin_model_folder, builtin_source, is_ready
from core.config.builtin_names import BUILTIN_MODEL
from core.config.model import ModelSection
from core.config.resolved import Choice
from core.errors import HubUnreachable, UserError
from core.hub.client import hub_client
from core.hub.errors import hub_errors
from core.settings import token_of_this_process
from core.train.tokens.chat_template import choose_template


@dataclass(frozen=True)
class ModelSource:
    """Where the model is loaded from, with its tokenizer."""

    name: str
    path: str
    revision: str | None
    tokenizer: PreTrainedTokenizerBase
    choices: dict[str, Choice]
    # Whether the Hub gave no answer, so that only what was downloaded before can be used.
    is_offline: bool = False

    @property
    def id(self) -> str:
        """What tells this tokenizer from any other: a Hub model's revision, or its own files."""
        if self.revision is not None:
            return f"{self.name}@{self.revision}"
        digest = hashlib.sha256(self.tokenizer.backend_tokenizer.to_str().encode())
        return digest.hexdigest()


def load_tokenizer(model: ModelSection, *, home: Path, before: object) -> ModelSource:
    """Find the model and load its tokenizer; `before` is the revision it had when the run began.

    Raises UserError at model.name.
    """
    folder = builtin_model_folder(home)
    if model.name == BUILTIN_MODEL and model.revision is None and is_ready(folder):
        path, revision, is_offline = str(folder), None, True
        choice = Choice(value=builtin_source(folder), why="the built-in copy")
    else:
        path = model.name
        revision, choice, is_offline = _pin(model, before=before)
    with load_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(
            path, revision=revision, trust_remote_code=False, local_files_only=is_offline
        )
    # It names code of the model's repository, which was not run and is not saved.
    tokenizer.init_kwargs.pop("auto_map", None)
    template = choose_template(tokenizer, model)
    return ModelSource(
        name=model.name, path=path, revision=revision, tokenizer=tokenizer,
        choices={"model_revision": choice, "chat_template": template}, is_offline=is_offline,
    )  # fmt: skip


def _pin(model: ModelSection, *, before: object) -> tuple[str | None, Choice, bool]:
    """The commit that the revision stood for when the run began, so that it can be repeated.

    With it comes whether the Hub is out of reach.
    """
    if before is not None:
        return str(before), Choice(value=str(before), why="as when this run began"), False
    try:
        with hub_errors(
            f"the model {model.name}", field="model.name", revision_field="model.revision"
        ):
            token = token_of_this_process()
            sha = hub_client(token).model_info(model.name, revision=model.revision).sha
    except HubUnreachable:
        wanted = model.revision or "main"
        return model.revision, Choice(value=wanted, why="the Hub was out of reach"), True
    return (
        sha,
        Choice(value=str(sha), why=f"the newest commit of {model.revision or 'main'}"),
        False,
    )


@contextmanager
def load_errors(model: ModelSection) -> Iterator[None]:
    """Turn what transformers raises while loading into a message at the model."""
    try:
        yield
    except (OSError, ValueError) as error:
        # A full disk or a broken one has a number; that is not the model's fault.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if isinstance(error.__cause__, HfHubHTTPError | LocalEntryNotFoundError):
            with hub_errors(f"the model {model.name}", field="model.name"):
                raise error.__cause__ from None
        raise UserError(
            f"{model.name} can't be loaded: {str(error).partition(chr(10))[0][:300]}",
            hint="Choose a causal language model with safetensors weights.",
            field="model.name",
        ) from error
