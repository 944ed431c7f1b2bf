"""Presets in the form: one is chosen, seen through, saved and deleted."""

import pytest
from playwright.sync_api import Page, expect

from tests.interface.filling import choose, wait_until_filled
from tests.interface.harness import Server

pytestmark = pytest.mark.browser


def test_presets_fill_the_form_and_a_persons_own_are_offered_too(
    page: Page, server: Server
) -> None:
    about, yaml = page.locator("#preset-about"), page.locator("#yaml")
    page.get_by_label("Maximum length", exact=True).fill("512")
    choose(page, "Preset", "SmolLM3-3B, DPO")
    expect(page.get_by_label("Base model", exact=True)).to_have_value("HuggingFaceTB/SmolLM3-3B")
    expect(page.get_by_label("Maximum length", exact=True)).to_have_value("24576")
    # The data made for the method, as when a person chooses it.
    expect(page.get_by_label("Built-in dataset")).to_have_value("Facts, pairs of answers")
    expect(yaml).to_contain_text("name: HuggingFaceTB/SmolLM3-3B")
    about.get_by_text("Sets 15 settings").click()
    expect(about).to_contain_text("Maximum length: 24,576")
    expect(about).to_contain_text("What to train: All weights")
    expect(page.locator("#preset-delete")).to_be_hidden()

    expect(about).to_contain_text("“None” brings back what was there")

    # Another one undoes what the first has set; what is no affair of a preset stays.
    wait_until_filled(page)
    page.get_by_label("Model name").fill("my-bot")
    choose(page, "Preset", "Built in, SFT")
    expect(page.get_by_label("Maximum length", exact=True)).to_have_value("1024")
    expect(page.get_by_label("Built-in dataset")).to_have_value("Facts to JSON")
    expect(page.get_by_label("Model name")).to_have_value("my-bot")
    expect(page.locator("#data-rows .seen")).to_have_count(3, timeout=60_000)

    choose(page, "Preset", "None")
    expect(page.get_by_label("Maximum length", exact=True)).to_have_value("512")
    wait_until_filled(page)
    page.get_by_label("Epochs").fill("3")
    page.locator("#preset-save").click()
    expect(page.locator("#preset-saved")).to_contain_text("Give the preset a name.")
    page.locator("#preset-title").get_by_role("textbox").fill("Three passes")
    page.locator("#preset-save").click()
    expect(page.locator("#preset-saved")).to_contain_text("Saved the preset Three passes.")
    assert "num_train_epochs: 3" in (server.home / "presets" / "three-passes.yaml").read_text()

    page.reload()
    expect(page.get_by_label("Epochs")).to_have_value("3")
    wait_until_filled(page)
    page.get_by_label("Epochs").fill("2")
    choose(page, "Preset", "Three passes")
    expect(page.get_by_label("Epochs")).to_have_value("3")
    page.locator("#preset-delete").click()
    expect(page.get_by_label("Preset", exact=True)).to_have_value("None")
    assert not list((server.home / "presets").iterdir())
