"""A model's shape from its files: config.json and the size of its weights, never the weights."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from core.estimate.model_shape import ModelShape, UnknownShape, parameters_in, shape_of
from core.hub.base_model import weight_bytes
from core.hub.lookups import model_config, model_info


def shape_on_hub(name: str, *, revision: str | None, token: SecretStr | None) -> ModelShape:
    """Raises UserError where the Hub doesn't tell, and UnknownShape where the files don't."""
    info = model_info(name, revision=revision, token=token)
    settings = model_config(name, revision=info.sha, token=token)
    return _shape(settings, {file.rfilename: file.size or 0 for file in info.siblings or []})


def shape_in(folder: Path) -> ModelShape:
    """Raises UnknownShape where the files don't tell."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return _shape(settings, {file.name: file.stat().st_size for file in folder.iterdir()})


def _shape(settings: dict[str, object], files: Mapping[str, int]) -> ModelShape:
    weights = weight_bytes(files)
    if not weights:
        raise UnknownShape("It has no safetensors files.")
    return shape_of(settings, parameters=parameters_in(settings, weight_bytes=weights))
