"""A dataset of the Hub, chosen on the page: found as one types, its subsets and splits in menus."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.hub import HubDouble
from tests.interface.harness import Server, open_form, wait_for_page
from tests.interface.train.test_data_panel import figure

pytestmark = pytest.mark.browser

CARD = """---
configs:
- config_name: easy
  data_files:
  - {split: train, path: easy/train.jsonl}
  - {split: test, path: easy/test.jsonl}
- config_name: hard
  data_files:
  - {split: all, path: hard/all.jsonl}
---
"""


def rows(count: int, *, word: str = "row") -> bytes:
    made = ({"prompt": f"{word} {n}?", "completion": f"It is {n}."} for n in range(count))
    return "".join(json.dumps(row) + "\n" for row in made).encode()


def pick(page: Page, path: str, value: str, *, among: list[str]) -> None:
    """Choose from the menu of a field, which offers these."""
    page.locator(f"#field-{path} input").click()
    menu = page.get_by_role("option")
    expect(menu).to_have_count(len(among))
    assert [text.replace("✓", "").strip() for text in menu.all_inner_texts()] == among
    page.get_by_role("option", name=value, exact=True).click()


def test_a_dataset_is_found_and_its_parts_are_chosen(
    context: BrowserContext, connected: Server, page_hub: HubDouble
) -> None:
    files = {
        "README.md": CARD.encode(), "easy/train.jsonl": rows(30),
        "easy/test.jsonl": rows(4, word="other"), "hard/all.jsonl": rows(7),
    }  # fmt: skip
    page_hub.add_repo(kind="dataset", repo_id="acme/levels", files=files)
    page_hub.add_repo(kind="dataset", repo_id="ada/levels-of-mine", private=True, files=files)
    page_hub.add_repo(kind="dataset", repo_id="bob/poems", files={"a.txt": b"Oh.\n"})
    page = open_form(context, connected)
    expect(figure(page, "Rows")).to_have_text("320", timeout=30_000)
    page.get_by_text("Hugging Face Hub", exact=True).click()
    name = page.locator("#field-dataset-name input")
    name.click()
    name.press_sequentially("levels", delay=60)
    # A person's own private one is found with their token.
    expect(page.get_by_role("option", name="ada/levels-of-mine")).to_be_visible()
    assert page.get_by_role("option", name="bob/poems").count() == 0
    page.get_by_role("option", name="acme/levels").click()
    figures = page.locator("#data-figures")
    expect(figures).to_contain_text("several subsets", timeout=30_000)
    pick(page, "dataset-subset", "hard", among=["easy", "hard"])
    # It has no split of that name, but another.
    expect(page.locator("#field-dataset-split input")).to_have_value("all", timeout=30_000)
    expect(figure(page, "Rows")).to_have_text("7", timeout=30_000)
    expect(page.locator("#data-rows")).to_contain_text("row 0?")
    pick(page, "dataset-subset", "easy", among=["easy", "hard"])
    expect(figure(page, "Rows")).to_have_text("30", timeout=30_000)
    expect(page.locator("#field-dataset-split input")).to_have_value("train")
    _expect_what_is_typed_while_menus_are_filled_to_stay(page)


def _expect_what_is_typed_while_menus_are_filled_to_stay(page: Page) -> None:
    split = page.locator("#field-dataset-split input")
    pick(page, "dataset-subset", "hard", among=["easy", "hard"])
    expect(split).to_have_value("all", timeout=30_000)
    expect(figure(page, "Rows")).to_have_text("7", timeout=30_000)
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    pick(page, "dataset-subset", "easy", among=["easy", "hard"])
    wait_for_page(page, lambda: bool(held))
    split.fill("test")
    split.press("Tab")
    # What is held goes on its way now.
    page.unroute("**/queue/join*")
    expect(figure(page, "Rows")).to_have_text("4", timeout=30_000)
    expect(split).to_have_value("test")
