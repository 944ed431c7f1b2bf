"""A model's shape from its files on the Hub and in a folder: never its weights are read."""

import json
from pathlib import Path

import pytest

from core.errors import UserError
from core.estimate.model_files import shape_in, shape_on_hub
from core.estimate.model_shape import UnknownShape
from tests.core.estimate.test_model_shape import LLAMA
from tests.hub import HubDouble

CONFIG = LLAMA | {"dtype": "bfloat16"}


def test_a_model_on_the_hub_is_measured_by_its_config_and_sizes(near_hub: HubDouble) -> None:
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        # Two bytes a weight; what is in them is nobody's business.
        "model-00001-of-00002.safetensors": b"x" * 1000,
        "model-00002-of-00002.safetensors": b"x" * 400,
        "pytorch_model.bin": b"x" * 9000,
        # The same again, for other programs.
        "consolidated.safetensors": b"x" * 1400,
        "original/model.safetensors": b"x" * 1400,
    }
    near_hub.add_repo(repo_id="acme/llama", files=files)
    shape = shape_on_hub("acme/llama", revision=None, token=None)
    assert (shape.parameters, shape.layers) == (700, 16)
    near_hub.add_repo(repo_id="acme/bare", files={"config.json": b"{}"})
    with pytest.raises(UnknownShape, match="no safetensors files"):
        shape_on_hub("acme/bare", revision=None, token=None)
    with pytest.raises(UserError, match="can't find the model acme/none"):
        shape_on_hub("acme/none", revision=None, token=None)


def test_a_model_in_a_folder_is_measured_alike(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1400)
    (tmp_path / "model.fp16.safetensors").write_bytes(b"x" * 700)
    assert shape_in(tmp_path).parameters == 700
