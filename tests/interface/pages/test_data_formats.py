"""Every format of data in docs/data.md, as the page shows it; its pictures are made here."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trl
from playwright.sync_api import Browser, Page, expect

from core.config.options import DatasetFormat
from core.machine.source_tree import ROOT
from tests.browser.chromium import open_context
from tests.hub import HubDouble
from tests.interface.harness import Server, add_model, open_form
from tests.interface.train.test_data_panel import marked
from tests.waiting import wait_until

# Where to put the pictures of docs/data.md, when they are to be made anew.
PICTURES = os.environ.get("PICTURES")
DOCUMENT = ROOT / "docs" / "data.md"

ASKED = {"role": "user", "content": "What floats on water?"}
SAID = {"role": "assistant", "content": "Wood does."}
WORSE = {"role": "assistant", "content": "Stones do."}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
    },
}  # fmt: skip
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"town": "Turin"}}}


@dataclass(frozen=True)
class Sample:
    """A row, what the page calls its format, and what of it is learned."""

    row: dict[str, Any]
    read_as: str
    learned: str
    seen: list[str] = field(default_factory=list)


CONVERSATIONS, ANSWERS = "conversations", "prompts with their answers"
SAMPLES = {
    "messages": Sample({"messages": [ASKED, SAID]}, CONVERSATIONS, "Wood does.<|im_end|>"),
    "from_value": Sample(
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
        CONVERSATIONS, "Hello.<|im_end|>",
    ),
    "alpaca": Sample(
        {"instruction": "Put it into French.", "input": "cheese", "output": "fromage"},
        ANSWERS, "fromage<|im_end|>", ["Put it into French.", "cheese"],
    ),
    "prompt_completion": Sample(
        {"prompt": "2 + 2?", "completion": "4"}, ANSWERS, "4<|im_end|>"
    ),
    "question_answer": Sample(
        {"question": "Is ice warm?", "reasoning": "Ice melts when warm.", "answer": "No."},
        ANSWERS, "<think>\nIce melts when warm.\n</think>\n\nNo.<|im_end|>",
    ),
    "text": Sample({"text": "Once upon a time."}, "plain text", "Once upon a time.<|im_end|>"),
    "preference": Sample(
        {"prompt": "What floats?", "chosen": "Wood.", "rejected": "Stones."},
        "pairs of answers", "Wood.<|im_end|>", ["Chosen", "Rejected", "Stones."],
    ),
    "preference_implicit": Sample(
        {"chosen": [ASKED, SAID], "rejected": [ASKED, WORSE]},
        "pairs of answers", "Wood does.<|im_end|>", ["Stones do."],
    ),
    "unpaired_preference": Sample(
        {"prompt": "What floats?", "completion": "Stones.", "label": False},
        "answers with a label", "Stones.<|im_end|>", ["label: false"],
    ),
    "prompt_only": Sample(
        {"prompt": [ASKED]}, "prompts without answers", "", ["What floats on water?"]
    ),
    "tools": Sample(
        {"messages": [ASKED, {"role": "assistant", "tool_calls": [CALL]}], "tools": [TOOL]},
        CONVERSATIONS, '<tool_call>\n{"name": "weather", "arguments": {"town": "Turin"}}',
        ["The weather of a town."],
    ),
    "system": Sample(
        {"system": "Be a pirate.", "prompt": "Hello?", "completion": "Arr."},
        ANSWERS, "Arr.<|im_end|>", ["Be a pirate."],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def page(
    browser: Browser,
    connected: Server,
    page_hub: HubDouble,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """One page for all formats, one file after another, with a model that can use tools."""
    template = (Path(trl.__file__).parent / "chat_templates" / "qwen2_5.jinja").read_text("utf-8")
    folder = tmp_path_factory.mktemp("model")
    name = add_model(page_hub, "acme/tools", template=template, made_in=folder)
    context = open_context(browser)
    opened = open_form(context, connected)
    opened.get_by_label("Base model", exact=True).fill(name)
    opened.get_by_label("Base model", exact=True).press("Enter")
    expect(opened.locator("#data-rows .seen").first).to_be_visible(timeout=30_000)
    opened.get_by_text("My files", exact=True).click()
    yield opened
    context.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_is_found_and_its_answers_are_marked(
    page: Page, tmp_path: Path, name: str
) -> None:
    sample = SAMPLES[name]
    file = tmp_path / f"{name}.jsonl"
    file.write_text(json.dumps(sample.row) + "\n", encoding="utf-8")
    page.get_by_label("Loss on answers only").set_checked(name != "text")
    field = page.locator("#field-dataset-files")
    if (clear := field.get_by_label("Clear")).is_visible():
        clear.click()
    field.locator("input[type=file]").set_input_files(file)
    expect(field).to_contain_text(name)
    figures = page.locator("#data-figures")
    expect(figures).to_contain_text(f"Read as {sample.read_as}", timeout=15_000)
    expect(page.locator("#data-rows .seen")).to_have_count(1)
    row = page.locator("#data-rows .seen").first
    for words in sample.seen:
        expect(row).to_contain_text(words)
    wait_until(lambda: sample.learned in marked(page).replace("↵", ""), seconds=15)
    if PICTURES:
        # Whole, where the page scrolls.
        page.set_viewport_size({"width": 1400, "height": 3000})
        page.add_style_tag(content=".tokens { max-height: none !important; }")
        row.screenshot(path=Path(PICTURES) / "formats" / f"{name}.png")


def test_the_document_lists_every_format_with_its_picture() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in SAMPLES:
        picture = f"pictures/formats/{name}.png"
        assert picture in text
        assert (DOCUMENT.parent / picture).is_file()
    for format in set(DatasetFormat) - {DatasetFormat.AUTO}:
        assert f"`{format.value}`" in text
