"""What a model that is here already says against settings, as they change."""

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from core.builtin.checks import check_stored_model
from core.config.parse import parse_config
from core.errors import InvalidConfig


def faults(home: Path, **sections: Any) -> dict[str, str]:
    try:
        check_stored_model(parse_config(sections), home=home)
    except InvalidConfig as error:
        return error.fields
    return {}


def test_the_built_in_model_is_asked_for_its_positions_and_layers(home: Path) -> None:
    assert faults(home) == {}
    found = faults(
        home, method={"max_length": 4096}, adapter={"lora_target_modules": "q_proj, query"}
    )
    assert "has positions for 2,048 tokens" in found["method.max_length"]
    assert "has no layers named query. Use all-linear" in found["adapter.lora_target_modules"]


def test_a_model_of_the_hub_is_asked_where_it_was_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    asked: dict[str, Any] = {"model": {"name": "acme/base"}, "method": {"max_length": 4096}}
    assert faults(tmp_path, **asked) == {}
    repo, commit = tmp_path / "models--acme--base", "0" * 40
    (repo / "snapshots" / commit).mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    config = {"model_type": "llama", "max_position_embeddings": 1024}
    (repo / "snapshots" / commit / "config.json").write_text(json.dumps(config))
    assert "Set it to 1024 or less" in faults(tmp_path, **asked)["method.max_length"]
