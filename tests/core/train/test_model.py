"""A base is trained only when all of its weights come from its files, and are all used."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from core.config.model import ModelSection
from core.errors import UserError
from core.train.model import load_base, stored_dtype
from core.train.tokenizer import ModelSource
from tests.core.train.tiny_models import tiny

WEIGHTS = "model.safetensors"


def source(folder: Path, *, tokenizer_of: Path) -> ModelSource:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    return ModelSource("acme/base", str(folder), None, tokenizer, {}, is_offline=True)


def load(folder: Path, *, tokenizer_of: Path, scores: bool = False) -> PreTrainedModel:
    found = source(folder, tokenizer_of=tokenizer_of)
    model = ModelSection(name="acme/base")
    return load_base(model, source=found, dtype=torch.float32, scores=scores)


def test_what_is_whole_is_loaded(tmp_path: Path, tiny_model: Path) -> None:
    whole = {
        "own head": tiny("llama"),
        "tied head": tiny("llama", tie_word_embeddings=True),
        "tied head, saved without it": tiny("gpt2").base_model,
    }
    for name, model in whole.items():
        model.save_pretrained(tmp_path / name)
        loaded = load(tmp_path / name, tokenizer_of=tiny_model)
        embedding = model.get_input_embeddings().weight
        assert torch.equal(loaded.get_input_embeddings().weight, embedding), name
    # What older files hold and newer models work out themselves.
    path = tmp_path / "own head" / WEIGHTS
    frequencies = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(load_file(path) | frequencies, path, {"format": "pt"})
    load(path.parent, tokenizer_of=tiny_model)


def test_what_would_be_left_to_chance_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    model = tiny("llama")
    model.base_model.save_pretrained(tmp_path / "headless")
    AutoModelForSequenceClassification.from_config(model.config).save_pretrained(tmp_path / "class")
    model.save_pretrained(tmp_path / "cut")
    path = tmp_path / "cut" / WEIGHTS
    weights = load_file(path)
    weights["lm_head.weight"] = weights["lm_head.weight"][:100].clone()
    save_file(weights, path, {"format": "pt"})
    for name, told in (
        ("headless", ["lacks lm_head.weight"]),
        ("class", ["lacks lm_head.weight", "has score.weight"]),
        ("cut", ["lacks lm_head.weight"]),
    ):
        with pytest.raises(UserError, match="not a whole causal language model") as caught:
            load(tmp_path / name, tokenizer_of=tiny_model)
        assert caught.value.field == "model.name"
        assert all(words in caught.value.message for words in told), caught.value.message


def test_a_model_that_gives_scores_has_a_new_head_and_all_else_from_its_files(
    tmp_path: Path, tiny_model: Path
) -> None:
    model = tiny("llama")
    bases = {"lm": model, "body": model.base_model}
    for name, labels in (("scores", 1), ("classes", 3)):
        config = deepcopy(model.config)
        config.num_labels = labels
        bases[name] = AutoModelForSequenceClassification.from_config(config)
    head = bases["scores"].score.weight
    for name, base in bases.items():
        base.save_pretrained(tmp_path / name)
        loaded = load(tmp_path / name, tokenizer_of=tiny_model, scores=True)
        assert loaded.score.weight.shape == (1, model.config.hidden_size)
        assert torch.equal(loaded.get_input_embeddings().weight, base.get_input_embeddings().weight)
        # One that gives scores already goes on with its head.
        assert torch.equal(loaded.score.weight, head) == (name == "scores")
    path = tmp_path / "lm" / WEIGHTS
    weights = load_file(path)
    del weights["model.norm.weight"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks model\.norm\.weight"):
        load(path.parent, tokenizer_of=tiny_model, scores=True)


def test_code_beside_a_model_that_transformers_knows_is_not_asked_for(
    tmp_path: Path, tiny_model: Path
) -> None:
    tiny("llama").save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["auto_map"] = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    load(tmp_path, tokenizer_of=tiny_model).save_pretrained(tmp_path / "saved")
    assert "auto_map" not in (tmp_path / "saved" / "config.json").read_text()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_stored_number_format_is_known(
    tmp_path: Path, tiny_model: Path, dtype: torch.dtype
) -> None:
    tiny("llama", dtype=dtype).save_pretrained(tmp_path / "base")
    assert stored_dtype(source(tmp_path / "base", tokenizer_of=tiny_model)) is dtype
