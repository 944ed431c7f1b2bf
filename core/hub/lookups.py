"""What the Hub knows of a model or a dataset."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetInfo, HfApi, ModelInfo, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    NotASafetensorsRepoError,
    SafetensorsParsingError,
)
from huggingface_hub.repocard import metadata_load
from pydantic import SecretStr
from yaml import YAMLError

from core.config.builtin_names import BUILTIN_MODEL
from core.config.methods.writing import WritingSettings
from core.config.run_config import RunConfig, hub_datasets
from core.errors import HubUnreachable, UserError
from core.hub.client import hub_client
from core.hub.deadline import deadline
from core.hub.errors import hub_errors
from core.hub.lacks import NO_ACCESS_CHECK, NO_SEARCH, NO_SORTING, is_lack, tell_lack

# Of a list that the Hub does not search for us.
MOST_LISTED = 1000
# Everybody may read these of a gated repository.
NEVER_GATED = ("README.md", ".gitattributes")


def model_info(
    name: str,
    *,
    revision: str | None,
    token: SecretStr | None,
    field: str = "model.name",
    revision_field: str = "model.revision",
) -> ModelInfo:
    """Raises UserError at `field` or `revision_field` when it can't be had."""
    with hub_errors(f"the model {name}", field=field, revision_field=revision_field):
        api = hub_client(token)
        _require_access(api, name, kind="model")
        return api.model_info(name, revision=revision, files_metadata=True)


def model_config(
    name: str,
    *,
    revision: str | None,
    token: SecretStr | None,
    file: str = "config.json",
    field: str = "model.name",
) -> dict[str, Any]:
    """A model's settings, without its weights. Raises UserError at `field`."""
    with hub_errors(f"the model {name}", field=field):
        path = hub_client(token).hf_hub_download(name, file, revision=revision)
    return _settings_in(Path(path), name, field=field)


def stored_model_config(name: str, *, revision: str | None) -> dict[str, Any] | None:
    """A model's settings where they were downloaded before, without asking the Hub."""
    path = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(path, str):
        return None
    return _settings_in(Path(path), name, field="model.name")


def _settings_in(path: Path, name: str, *, field: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        text = f"The {path.name} of {name} holds no settings."
        raise UserError(text, field=field) from error


def weight_names(name: str, *, revision: str | None, token: SecretStr | None) -> set[str]:
    """The names of a model's weights, from the beginning of their files.

    Empty where they have names of their own. Raises UserError at model.name.
    """
    with hub_errors(f"the model {name}", field="model.name"):
        try:
            found = hub_client(token).get_safetensors_metadata(name, revision=revision)
        except NotASafetensorsRepoError:
            return set()
        except SafetensorsParsingError as error:
            text = f"The safetensors files of {name} are damaged."
            raise UserError(text, field="model.name") from error
    return set(found.weight_map)


def base_models(info: ModelInfo) -> list[str]:
    """What a model was made from, as far as its card says."""
    stated = info.card_data.get("base_model") if info.card_data else None
    return [str(each) for each in (stated if isinstance(stated, list) else [stated]) if each]


def dataset_info(
    name: str,
    *,
    revision: str | None,
    token: SecretStr | None,
    field: str = "dataset.name",
    revision_field: str = "dataset.revision",
) -> DatasetInfo:
    """Raises UserError at `field` or `revision_field` when it can't be had."""
    with hub_errors(f"the dataset {name}", field=field, revision_field=revision_field):
        api = hub_client(token)
        _require_access(api, name, kind="dataset")
        return api.dataset_info(name, revision=revision, files_metadata=True)


def _require_access(api: HfApi, name: str, *, kind: str) -> None:
    """Raise the Hub's error where this client may not download from a repository.

    Everybody may look at a gated repository; only some may download it.
    """
    try:
        api.auth_check(name, repo_type=kind)
    except HfHubHTTPError as error:
        if not is_lack(error):
            raise
        tell_lack(NO_ACCESS_CHECK)
        files = getattr(api.repo_info(name, repo_type=kind), "siblings", None) or []
        closed = [file.rfilename for file in files if file.rfilename not in NEVER_GATED]
        if closed:
            _require_download(api, name, file=closed[0], kind=kind)


def _require_download(api: HfApi, name: str, *, file: str, kind: str) -> None:
    url = hf_hub_url(name, file, repo_type=kind, endpoint=api.endpoint)
    try:
        api.get_hf_file_metadata(url=url)
    except HfHubHTTPError as error:
        if error.response.status_code not in (401, 403):
            raise
        # One may look at it, and not download it.
        raise GatedRepoError(str(error), response=error.response) from error


def card_of(name: str, *, kind: str, api: HfApi) -> dict[str, Any]:
    """What the card of a model or dataset states: told by the Hub, or read in README.md.

    Raises UserError when it can't be had.
    """
    with hub_errors(f"the {kind} {name}"):
        info = api.repo_info(name, repo_type=kind)
        told = getattr(info, "card_data", None)
        if told is not None:
            return dict(told.to_dict())
        files = {file.rfilename for file in getattr(info, "siblings", None) or []}
        if "README.md" not in files:
            return {}
        path = api.hf_hub_download(name, "README.md", repo_type=kind)
    try:
        return metadata_load(path) or {}
    except (ValueError, YAMLError):
        return {}


def licences_of(name: str, *, kind: str, token: SecretStr | None) -> list[str]:
    """The licences that the card of a model or dataset states; none where it states none.

    Raises UserError when it can't be had.
    """
    stated = card_of(name, kind=kind, api=hub_client(token)).get("license")
    listed = stated if isinstance(stated, list) else [stated]
    return [str(licence) for licence in listed if licence]


def search_datasets(text: str, *, token: SecretStr | None, limit: int = 12) -> list[str]:
    """The datasets of the Hub whose names have `text` in them, the most used first.

    Raises UserError when the Hub gives no answer.
    """
    with hub_errors("datasets", field="dataset.name"):
        api = hub_client(token)
        found = _listed(api, search=text, limit=limit)
        if all(_is_named(name, text) for name in found):
            return found
        if found != _listed(api, search=None, limit=limit):
            # The Hub has reasons of its own.
            return found
        tell_lack(NO_SEARCH)
        names = _listed(api, search=None, limit=MOST_LISTED)
        return [name for name in names if _is_named(name, text)][:limit]


def _listed(api: HfApi, *, search: str | None, limit: int) -> list[str]:
    """Names of datasets, the most used first where the Hub sorts them."""
    try:
        found = list(api.list_datasets(search=search, sort="downloads", limit=limit))
    except BadRequestError:
        tell_lack(NO_SORTING)
        found = list(api.list_datasets(search=search, limit=limit))
    return [str(info.id) for info in found]


def _is_named(name: str, text: str) -> bool:
    """Whether all words of a text are in a name."""
    return all(word in name.lower() for word in re.split(r"[\W_]+", text.lower()))


def needs_token(config: RunConfig) -> bool:
    """Whether the Hub gives this run's model or dataset only to somebody it knows."""
    try:
        with deadline():
            return any(_is_closed(name, kind=kind) for name, kind in hub_parts(config))
    except HubUnreachable:
        # What is in the cache needs no token.
        return False


def hub_parts(config: RunConfig) -> Iterator[tuple[str, str]]:
    """What of a run is on the Hub, and of which kind."""
    if config.model.name != BUILTIN_MODEL:
        yield config.model.name, "model"
    if isinstance(config.method, WritingSettings):
        for reward in config.method.reward_models:
            if reward.id is not None:
                yield reward.id, "model"
    for name in hub_datasets(config):
        yield name, "dataset"


def _is_closed(name: str, *, kind: str) -> bool:
    """Whether a stranger may not download. Raises HubUnreachable where there is no answer."""
    try:
        with hub_errors(f"the {kind} {name}"):
            _require_access(hub_client(None), name, kind=kind)
    except HubUnreachable:
        raise
    except UserError:
        return True
    return False
