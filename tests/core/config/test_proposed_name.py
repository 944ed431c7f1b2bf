"""A result that nobody named is called after its base model and its data."""

from typing import Any

import pytest
from huggingface_hub.utils._validators import validate_repo_id

from core.config.parse import parse_config
from core.config.proposed_name import for_another_run, named, proposed_name


@pytest.mark.parametrize(
    ("model", "dataset", "name"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", {}, "smollm2-135m-facts-to-json"),
        (
            "Qwen/Qwen3-0.6B",
            {"source": "hub", "name": "acme/My_Chats-v2.0"},
            "qwen3-0.6b-my-chats-v2.0",
        ),
        (
            "google/gemma-2-2b-it",
            {"source": "upload", "files": ["FAQ für Ärzte (v1.2).csv", "more.csv"]},
            "gemma-2-2b-faq-fur-arzte-v1.2",
        ),
        ("a/b", {"source": "upload", "files": ["问答.csv"]}, "b-own-data"),
        ("a/" + "m" * 96, {"source": "hub", "name": "b/" + "d" * 96}, f"{'m' * 40}-{'d' * 40}"),
    ],
)
def test_it_follows_the_model_and_the_data(model: str, dataset: dict[str, Any], name: str) -> None:
    config = parse_config({"model": {"name": model}, "dataset": dataset})
    assert proposed_name(config) == name
    # With the most that is put behind it.
    validate_repo_id(f"ada/{name}-999-demo")
    parse_config({"output": {"name": f"{name}-999"}})


def test_no_two_runs_are_proposed_one_name() -> None:
    config = parse_config({})
    name = proposed_name(config)
    taken: list[str] = []
    for expected in (name, f"{name}-2", f"{name}-3"):
        taken.append(named(config, taken=taken).output.repo_name)
        assert taken[-1] == expected
    # Who names a run knows why.
    own = parse_config({"output": {"name": name}})
    assert named(own, taken=taken) is own


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("smollm2-135m-facts-to-json", None),
        ("smollm2-135m-facts-to-json-12", None),
        ("smollm2-135m-facts-to-json-v2", "smollm2-135m-facts-to-json-v2"),
        ("bot", "bot"),
    ],
)
def test_another_run_takes_over_a_chosen_name_and_no_leave(name: str, kept: str | None) -> None:
    settings = {"output": {"name": name, "push_to_hub": True, "replace": True}}
    output = for_another_run(parse_config(settings)).output
    assert (output.name, output.replace, output.push_to_hub) == (kept, False, True)
