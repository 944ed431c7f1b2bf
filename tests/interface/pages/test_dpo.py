"""A second training method, from the form to its curves: DPO on the built-in pairs."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from core.runs.state import RunState
from tests.interface.filling import open_advanced
from tests.interface.harness import Server, open_form
from tests.waiting import wait_until

# Other methods: what each says of itself, and what its rows show.
OTHERS = (
    ("KTO: answers rated good or bad", "thumbs up", ("label: true", "label: false")),
    ("ORPO: answers and preferences", "Experimental", ("Chosen", "Rejected")),
    ("CPO: preferred answers", "translation", ("Chosen", "Rejected")),
    ("RLOO: rewards, each", "as GRPO does", ("which the model answers",)),
    ("GRPO: rewards for", "does more of what", ("which the model answers", "Reference answer: 18")),
    ("Reward model: scores for answers", "one number", ("Chosen", "Rejected", "as a whole")),
)
# Of the first row, whose answer is 18.
SCORES = (
    r"Answer 1\s+1\s+1\s+0\s+1.5", r"Answer 2\s+0\s+1\s+1\s+1.5", r"Answer 3\s+0\s+1\s+0\s+0.5",
    r"The reference answer\s+1\s+1\s+1\s+2.5", r"Nothing at all\s+0\s+0\s+0\s+0",
    r"Nonsense of as many words\s+0\s+1\s+0\s+0.5",
)  # fmt: skip


def test_dpo_is_chosen_and_trains_in_the_browser(context: BrowserContext, server: Server) -> None:
    page = open_form(context, server)
    beta = page.locator("#field-method-beta")
    expect(beta).to_be_hidden()
    page.get_by_text("DPO: preferred answers").click()
    expect(beta).to_be_visible()
    expect(page.locator("#field-method-assistant_only_loss")).to_be_hidden()
    _expect_its_own_defaults_where_nobody_chose_others(page)
    _expect_each_method_to_show_what_it_learns_from(page)
    page.get_by_text("DPO: preferred answers").click()
    expect(page.locator("#data-rows .seen").first).to_contain_text("Chosen", timeout=60_000)
    expect(page.locator("#data-rows .seen").first).to_contain_text("Rejected")
    expect(page.locator("#yaml")).to_contain_text("name: dpo")

    expect(page.locator("#data-panel")).not_to_have_class(re.compile("stale"))

    # A few steps draw its curves.
    open_advanced(page, "Training")
    page.get_by_label("Maximum steps").fill("4")
    expect(page.locator("#summary")).to_contain_text("4 steps")
    before = {run.id for run in server.store.list()}
    page.locator("#start").click()
    page.wait_for_url("**/?run=*", timeout=60_000)
    (new,) = {run.id for run in server.store.list()} - before
    run = server.store.open(new)
    wait_until(lambda: not run.status().state.live)
    assert run.status().state is RunState.DONE, run.paths.log.read_text(encoding="utf-8")
    curves = page.locator("#curves")
    for name in ("Loss", "Reward accuracy", "Reward margin"):
        expect(curves.get_by_text(name, exact=True)).to_be_visible(timeout=30_000)


def _expect_each_method_to_show_what_it_learns_from(page: Page) -> None:
    rows = page.locator("#data-rows")
    for name, told, shown in OTHERS:
        page.get_by_text(name).click()
        expect(page.locator("#field-method-name")).to_contain_text(told)
        for words in shown:
            expect(rows).to_contain_text(words, timeout=60_000)
        expect(page.locator("#data-panel")).not_to_have_class(re.compile("stale"))
        expect(page.locator("#data-panel")).not_to_contain_text("learns from")
        if name.startswith("GRPO"):
            _expect_rewards_to_be_added_and_tried(page)


def _expect_rewards_to_be_added_and_tried(page: Page) -> None:
    expect(page.locator("#forecast")).to_contain_text("can't be forecast")
    rewards = page.locator("#field-method-rewards").get_by_role("textbox")
    page.get_by_label("Add a reward").click()
    page.get_by_role("option", name="regex").click()
    expect(rewards).to_have_value(re.compile(r"^numeric_match\nlength weight=0.5\nregex pattern="))
    page.locator("#rewards-answers").get_by_role("textbox").fill("He has 18.\n---\n17\n---\n<b>")
    page.locator("#rewards-try").click()
    tried = page.locator("#rewards-tried")
    expect(tried.get_by_role("row")).to_have_text(
        [
            re.compile(r"^\s*Answer\s*numeric_match\s*length\s*regex\s*Sum\s*$"),
            *(re.compile(rf"^\s*{row}\s*$") for row in SCORES),
        ]
    )
    rewards.fill("numeric_match\nlenght")
    expect(page.locator("#problems")).to_contain_text("Did you mean length?")
    page.locator("#rewards-try").click()
    expect(tried).to_contain_text("Did you mean length?")
    rewards.fill("numeric_match")


def _expect_its_own_defaults_where_nobody_chose_others(page: Page) -> None:
    dataset = page.get_by_label("Built-in dataset")
    expect(dataset).to_have_value("Facts, pairs of answers")
    dataset.click()
    # Nothing is offered that the method can't learn from.
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Tab")
    summary = page.locator("#summary")
    rate = page.locator("#field-training-learning_rate").get_by_role("textbox")
    # Left empty, it is what goes with the choice.
    expect(rate).to_have_attribute("placeholder", "1e-5")
    page.get_by_text("All weights", exact=True).click()
    expect(rate).to_have_attribute("placeholder", "1e-6")
    page.get_by_text("SFT: supervised fine-tuning").click()
    expect(rate).to_have_attribute("placeholder", "2e-5")
    expect(dataset).to_have_value("Facts to JSON")
    expect(summary).to_contain_text("at a learning rate of 2e-5")
    # What somebody types stays, though another method would begin with it.
    rate.fill("0.001")
    expect(summary).to_contain_text("is high for training all weights")
    page.get_by_text("LoRA adapter", exact=True).click()
    page.get_by_text("DPO: preferred answers").click()
    expect(summary).to_contain_text("is high for Direct Preference Optimization")
    expect(rate).to_have_value("0.001")
