"""A second training method, from the form to its curves: DPO on the built-in pairs."""

from playwright.sync_api import BrowserContext, expect

from core.runs.state import RunState
from tests.interface.filling import open_advanced
from tests.interface.harness import Server, open_form
from tests.waiting import wait_until


def test_dpo_is_chosen_and_trains_in_the_browser(context: BrowserContext, server: Server) -> None:
    page = open_form(context, server)
    beta = page.locator("#field-method-beta")
    expect(beta).to_be_hidden()
    page.get_by_text("DPO: preferred answers").click()
    expect(beta).to_be_visible()
    expect(page.locator("#field-method-assistant_only_loss")).to_be_hidden()
    # The default data is conversations, which DPO can't learn from: said before Start is pressed.
    expect(page.locator("#data-figures")).to_contain_text("learns from pairs of answers")
    expect(page.locator("#summary")).to_contain_text("is high for Direct Preference Optimization")

    page.get_by_label("Built-in dataset").click()
    page.get_by_role("option", name="Facts, pairs of answers").click()
    expect(page.locator("#data-rows .seen").first).to_contain_text("Chosen", timeout=60_000)
    expect(page.locator("#data-rows .seen").first).to_contain_text("Rejected")
    expect(page.locator("#yaml")).to_contain_text("name: dpo")

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
