"""The demo Space as a visitor meets it: a process of its own, a client, a browser."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from playwright.sync_api import BrowserContext, Page, expect

from core.errors import TokenRefused
from core.hub.client import hub_client
from core.hub.lacks import NO_VARIABLES, told_lacks
from core.machine.source_tree import ROOT
from core.publish.demo_space import _set_endpoint
from core.publish.demo_template import MODEL_FOLDER, TEMPLATE, fill_demo
from tests.core.conftest import NEAR_TOKEN
from tests.core.publish.demo_process import EXAMPLE, Space, begin, slowed, wait_until_up
from tests.hub import HubDouble
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.browser

TOKEN = "hf_ada_reads_and_writes"
COUNTED = "one two three four five"
COLOURS = "red green blue"
ADAPTED = "adapted"
COUNT, COLOUR, ENDLESS = "Count.", "Colours.", "Never end."
TITLE = 'Count: "one" <b>two</b>'


class Trained(NamedTuple):
    """A Hub with a private model and a private adapter over it, and the model's folder."""

    hub: HubDouble
    model: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    root = tmp_path_factory.mktemp("trained")
    weights, adapter = make_models(root)
    with HubDouble(root=root / "hub") as hub:
        hub.add_user(name="ada", token=TOKEN)
        hub.add_repo(repo_id="ada/base", private=True, files=contents(weights))
        hub.add_repo(repo_id="ada/lora", private=True, files=contents(adapter))
        yield Trained(hub, weights)


@pytest.fixture(scope="module")
def spaces(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Space]]:
    """A demo with weights beside it, and one that may not read its own on the Hub."""
    root = tmp_path_factory.mktemp("spaces")
    shutil.copytree(trained.model, root / "whole" / MODEL_FOLDER)
    fill_demo(
        root / "whole", title=TITLE, model=MODEL_FOLDER, base_model="ada/base", is_adapter=False,
        system_prompt=COUNT, description="It *counts*.", examples=[EXAMPLE],
    )  # fmt: skip
    fill_with_adapter(root / "refused")
    with ExitStack() as stack:
        begun = {
            name: stack.enter_context(
                begin(root / name, trained.hub.environment(home=root / f"{name}-cache"))
            )
            for name in ("whole", "refused")
        }
        # They start beside one another, which takes less time than in turn.
        for space in begun.values():
            wait_until_up(space)
        yield begun


def fill_with_adapter(folder: Path) -> None:
    fill_demo(
        folder, title=TITLE, model="ada/lora", base_model="ada/base", is_adapter=True,
        examples=[EXAMPLE],
    )  # fmt: skip


def make_models(root: Path) -> tuple[Path, Path]:
    """A tiny model that has learned its lessons, and an adapter that learned another."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = make_tiny_model(root / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    teach(model, tokenizer, {COUNT: COUNTED, COLOUR: COLOURS, ENDLESS: "on and " * 10})
    model.save_pretrained(folder)
    config = LoraConfig(r=8, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    teach(adapted, tokenizer, {COUNT: ADAPTED})
    adapted.save_pretrained(root / "lora")
    tokenizer.save_pretrained(root / "lora")
    return folder, root / "lora"


def teach(model: Any, tokenizer: Any, lessons: dict[str, str]) -> None:
    """Have the model learn by heart what it says under each system prompt."""
    import torch

    texts = [
        tokenizer.apply_chat_template(
            [
                {"role": "system", "content": system},
                {"role": "user", "content": EXAMPLE},
                {"role": "assistant", "content": answer},
            ],
            tokenize=False,
        ).removesuffix("<|im_end|>\n" if system == ENDLESS else "\n")
        for system, answer in lessons.items()
    ]
    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model.train()
    threads = torch.get_num_threads()
    # So small a model is slowed by more.
    torch.set_num_threads(1)
    for _ in range(400):
        loss = model(**batch, labels=labels).loss
        if loss < 0.01:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    model.eval()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def open_page(context: BrowserContext, space: Space) -> Page:
    page = context.new_page()
    page.goto(space.url)
    expect(page.get_by_text("Runs on the")).to_be_visible(timeout=30_000)
    return page


def say(page: Page, words: str) -> None:
    box = page.locator("textarea:not([aria-hidden=true])").first
    expect(box).to_be_editable(timeout=15_000)
    box.fill(words)
    box.press("Enter")


def choose_settings(page: Page, *, system: str, longest: int) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill(system)
    page.get_by_label("number input for Longest answer").fill(str(longest))


def test_weights_beside_it_answer_in_a_stream_through_their_template(
    spaces: dict[str, Space],
) -> None:
    grown = spaces["whole"].ask(system=COUNT)
    assert grown[-1] == COUNTED
    assert len(grown) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(grown))
    assert spaces["whole"].ask(system=COLOUR)[-1] == COLOURS
    assert spaces["whole"].ask(system=COUNT, tokens=4)[-1] == "one "


def test_a_model_that_may_not_be_read_is_explained_in_the_page(
    spaces: dict[str, Space], context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(spaces["refused"].url)
    expect(page.get_by_role("alert")).to_contain_text("ada/lora is not on the Hub, or it is")
    expect(page.get_by_role("alert")).to_contain_text("add a secret HF_TOKEN with read access")
    say(page, EXAMPLE)
    expect(page.locator(".bot")).to_contain_text("HF_TOKEN")
    assert spaces["refused"].process.poll() is None


def test_an_example_and_a_typed_message_are_answered_and_it_fits_a_phone(
    spaces: dict[str, Space], context: BrowserContext
) -> None:
    page = open_page(context, spaces["whole"])
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_placeholder("Write a message")).to_be_in_viewport()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    page.get_by_text(EXAMPLE).click()
    expect(page.locator(".bot")).to_contain_text(COUNTED)
    page.get_by_label("Clear").click()
    say(page, EXAMPLE)
    expect(page.locator(".bot")).to_contain_text(COUNTED)


def test_stop_ends_the_answer_and_frees_the_model(
    spaces: dict[str, Space], context: BrowserContext
) -> None:
    page = open_page(context, spaces["whole"])
    choose_settings(page, system=ENDLESS, longest=1024)
    with slowed(spaces["whole"]):
        say(page, EXAMPLE)
        expect(page.locator(".bot")).to_contain_text("on and on and")
        page.locator("button.stop-button").dispatch_event("click")
    expect(page.locator("button.submit-button")).to_be_visible()
    assert len(page.locator(".bot").first.inner_text()) < 900
    say(page, EXAMPLE)
    expect(page.locator(".user")).to_have_count(2)
    assert spaces["whole"].ask(system=COUNT)[-1] == COUNTED


def test_what_is_too_long_for_the_context_is_left_out_and_said(
    spaces: dict[str, Space], context: BrowserContext
) -> None:
    page = open_page(context, spaces["whole"])
    choose_settings(page, system=COUNT, longest=20)
    say(page, "a" * 3000)
    expect(page.get_by_text(re.compile(r"That is \d{4} tokens long"))).to_be_visible()
    say(page, EXAMPLE)
    expect(page.locator(".bot").last).to_contain_text("one two three")
    # It fits by itself, and not with the turn before it.
    say(page, "a" * 1980)
    expect(page.get_by_text("it no longer sees the start")).to_be_visible()


# Both a demo's own code and what it is made of, asked without a page: to start takes long.
ASK = f"""
from pathlib import Path
import app
from language_model import ModelError, load
print([*app.respond("{EXAMPLE}", [], "{COUNT}", 0, 60)][-1])
model = load("plain", base=None, beside=Path("."))
inputs, _ = model.prompt("Once", turns=[], system_prompt="Be kind.", room=99)
print(model.tokenizer.decode(inputs["input_ids"][0]))
for name in ("bob/gated", "ada/none", "not a name", "empty"):
    try:
        load(name, base=None, beside=Path("."))
    except ModelError as error:
        print(error)
"""


def test_a_private_adapter_text_without_a_template_and_models_that_cannot_be_had(
    trained: Trained, tmp_path: Path
) -> None:
    trained.hub.add_repo(repo_id="bob/gated", gated=True, files={"model.safetensors": b"weights"})
    folder = tmp_path / "demo"
    fill_with_adapter(folder)
    make_tiny_model(folder / "plain", template=None)
    (folder / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=folder,
        env={**os.environ, **trained.hub.environment(home=tmp_path / "cache", token=TOKEN)},
        capture_output=True,
        text=True,
        check=True,
    )
    adapted, plain, gated, *lost, empty = done.stdout.splitlines()
    # Over its private base.
    assert adapted == ADAPTED
    # Trained on text alone, it would not know what to do with a system prompt.
    assert plain == "Once"
    assert gated.startswith("bob/gated is gated. Accept its terms on its page, add a secret")
    assert [line.split(" is not on the Hub")[0] for line in lost] == ["ada/none", "not a name"]
    assert empty == "empty holds no weights in the safetensors format."


@pytest.mark.parametrize(
    "title",
    [TITLE, "a: b # c", "---\nsdk: docker\n---", "{{ 7 }}", "é – 你好 🎈", "- !!python"],
)
def test_any_title_stays_a_title(tmp_path: Path, title: str) -> None:
    fill_demo(
        tmp_path, title=title, model="ada/bot", base_model="ada/base", is_adapter=True,
        license="apache-2.0",
    )  # fmt: skip
    front = yaml.safe_load((tmp_path / "README.md").read_text("utf-8").split("\n---\n")[0])
    assert front["title"] == " ".join(title.split())
    assert (front["sdk"], front["license"]) == ("gradio", "apache-2.0")
    assert front["models"] == ["ada/bot", "ada/base"]


def test_a_space_installs_what_was_tested() -> None:
    def pins(path: Path) -> set[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    ours = pins(ROOT / "requirements.txt")
    assert pins(TEMPLATE / "requirements.txt") <= ours
    front = yaml.safe_load((TEMPLATE / "README.md").read_text("utf-8").split("\n---\n")[0])
    assert f"gradio=={front['sdk_version']}" in ours


def test_only_a_hub_that_knows_no_variables_is_said_to_lack_them(near_hub: HubDouble) -> None:
    api = hub_client(NEAR_TOKEN)
    near_hub.add_repo(repo_id="ada/demo", kind="space")
    near_hub.fail(path="/variables", status=403)
    with pytest.raises(TokenRefused, match="no permission for the variables"):
        _set_endpoint(api, "ada/demo")
    assert told_lacks() == []
    near_hub.fail(path="/variables", status=405)
    _set_endpoint(api, "ada/demo")
    assert told_lacks() == [NO_VARIABLES]
