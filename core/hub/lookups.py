"""What the Hub knows of a model or a dataset."""

import json
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import DatasetInfo, ModelInfo
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    NotASafetensorsRepoError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    SafetensorsParsingError,
)
from pydantic import SecretStr

from core.config.builtin_names import BUILTIN_MODEL
from core.config.run_config import RunConfig, hub_datasets
from core.errors import UserError
from core.hub.client import hub_client
from core.hub.errors import hub_errors

TIMEOUT_SECONDS = 15


def model_info(name: str, *, revision: str | None, token: SecretStr | None) -> ModelInfo:
    """Raises UserError at model.name or model.revision when it can't be had."""
    with hub_errors(f"the model {name}", field="model.name", revision_field="model.revision"):
        api = hub_client(token)
        # Everybody may look at a gated repository; only some may download it.
        api.auth_check(name)
        return api.model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)


def model_config(
    name: str, *, revision: str | None, token: SecretStr | None, file: str = "config.json"
) -> dict[str, Any]:
    """A model's settings, without its weights. Raises UserError at model.name."""
    with hub_errors(f"the model {name}", field="model.name"):
        path = hub_client(token).hf_hub_download(name, file, revision=revision)
    try:
        return dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"The {file} of {name} holds no settings.", field="model.name") from error


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
        api.auth_check(name, repo_type="dataset")
        return api.dataset_info(
            name, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS
        )


def licences_of(name: str, *, kind: str, token: SecretStr | None) -> list[str]:
    """The licences that the card of a model or dataset states; none where it states none.

    Raises UserError when it can't be had.
    """
    with hub_errors(f"the {kind} {name}"):
        info = hub_client(token).repo_info(name, repo_type=kind, timeout=TIMEOUT_SECONDS)
    card = getattr(info, "card_data", None)
    stated = card.get("license") if card else None
    listed = stated if isinstance(stated, list) else [stated]
    return [str(licence) for licence in listed if licence]


def search_datasets(text: str, *, token: SecretStr | None, limit: int = 12) -> list[str]:
    """The datasets of the Hub whose names have `text` in them, the most used first.

    Raises UserError when the Hub gives no answer.
    """
    with hub_errors("datasets", field="dataset.name"):
        found = hub_client(token).list_datasets(search=text, sort="downloads", limit=limit)
        return [str(info.id) for info in found]


def needs_token(config: RunConfig) -> bool:
    """Whether the Hub gives this run's model or dataset only to somebody it knows."""
    wanted = [(name, "dataset") for name in hub_datasets(config)]
    if config.model.name != BUILTIN_MODEL:
        wanted.insert(0, (config.model.name, "model"))
    for name, kind in wanted:
        try:
            hub_client(None).auth_check(name, repo_type=kind)
        except (RepositoryNotFoundError, GatedRepoError):
            return True
        except (HfHubHTTPError, httpx2.HTTPError, OfflineModeIsEnabled):
            # No answer: what is in the cache needs no token.
            continue
    return False
