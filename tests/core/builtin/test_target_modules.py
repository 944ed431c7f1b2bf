"""Names of layers that the model has not are told before anything starts."""

from pathlib import Path

import pytest

from core.builtin.target_modules import check_target_modules
from core.config.check import Context
from core.config.parse import parse_config
from core.errors import UserError


def check(home: Path, names: str, *, kind: str = "lora") -> list[str]:
    config = parse_config({"adapter": {"kind": kind, "lora_target_modules": names}})
    return check_target_modules(config, Context(files={}, home=home, token=None, report=print))


@pytest.mark.parametrize(
    "names", ["all-linear", "q_proj, down_proj", "model.layers.0.mlp.up_proj", "lm_head"]
)
def test_layers_that_are_there_are_taken(home: Path, names: str) -> None:
    assert check(home, names) == []


# A norm has weights, and no matrix of them.
@pytest.mark.parametrize("names", ["query", "proj", "Q_PROJ", "norm, c_attn"])
def test_names_of_which_no_layer_has_any_are_refused(home: Path, names: str) -> None:
    with pytest.raises(UserError, match=f"no layers named {names}") as caught:
        check(home, names)
    assert caught.value.field == "adapter.lora_target_modules"
    assert "down_proj, embed_tokens, gate_proj" in caught.value.hint
    assert check(home, names, kind="full") == []


def test_a_name_among_others_is_warned_of(home: Path) -> None:
    (warning,) = check(home, "q_proj, query")
    assert "no layer named query; it has: down_proj" in warning
