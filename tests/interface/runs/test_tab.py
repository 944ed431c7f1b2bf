"""The Runs tab: a run is shown whole from its folder, wherever and whenever one looks."""

import os
import threading
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from core.runs.events import Failure, Pushed, PushFailed, StateChanged, Warned
from core.runs.state import RunState
from core.runs.store import Run
from tests.command_line import taken_device
from tests.interface.harness import (
    Server,
    make_run,
    open_form,
    training,
    wait_for_page,
    without_default,
    write,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

REMEDY = "Halve the batch size."
EXPLANATION = "<script>alert(1)</script> The GPU's memory was not enough."


def tile(page: Page, label: str) -> Any:
    return page.locator("#run-head .tile", has=page.get_by_text(label, exact=True)).locator("b")


def expect_whole(page: Page) -> None:
    expect(page.locator("#run-head h2")).to_have_text("written-by-hand")
    expect(tile(page, "Step")).to_have_text("20 of 40")
    expect(tile(page, "Loss")).to_have_text("0.1")
    expect(tile(page, "Time left")).to_have_text("40 s")
    expect(page.locator("#curves .chart")).to_have_count(4)
    expect(page.locator("#curves path.line")).to_have_count(5)
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("#log textarea")).to_have_value("<b>step</b> 20")
    page.get_by_role("tab", name="Curves").click()


def test_a_live_run_is_shown_whole_everywhere(context: BrowserContext, server: Server) -> None:
    run = make_run(server.store, state=RunState.TRAINING, steps=20)
    run.paths.log.write_text("<b>step</b> 20\n", encoding="utf-8")
    # As its supervisor does, for as long as it lives.
    held = run.lock()
    assert held is not None
    page = open_form(context, server)
    page.get_by_role("tab", name="Runs").click()
    page.locator(f'[data-run="{run.id}"]').click()
    expect_whole(page)
    expect(page).to_have_url(f"{server.url}/?run={run.id}")
    page.reload()
    expect_whole(page)
    second = context.new_page()
    second.goto(page.url)
    expect_whole(second)

    write(run, *training(range(21, 23)))
    for shown in (page, second):
        expect(tile(shown, "Step")).to_have_text("22 of 40", timeout=5000)
    expect(page.locator("#stop")).to_be_visible()
    os.close(held)
    # Nobody works on it any more, and the page finds out.
    expect(page.locator("#run-failure h3")).to_have_text("The run was interrupted")
    expect(page.locator("#resume")).to_have_text("Resume from step 20")
    expect(page.locator("#stop")).to_be_hidden()


def test_an_answer_that_is_lost_is_sent_again(context: BrowserContext, server: Server) -> None:
    run = make_run(server.store, state=RunState.TRAINING, steps=20)
    run.paths.log.write_text("<b>step</b> 20\n", encoding="utf-8")
    held = run.lock()
    assert held is not None
    page = context.new_page()
    lost: list[str] = []

    def lose(route: Route) -> None:
        answer = route.fetch()
        # The answers with many parts are those that keep the page up to date.
        if len(lost) < 4 and len(answer.json().get("data", [])) > 10:
            lost.append(route.request.url)
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/run/predict*", lose)
    page.goto(f"{server.url}/?run={run.id}")
    wait_for_page(page, lambda: len(lost) == 4)
    expect_whole(page)
    page.unroute_all(behavior="wait")
    os.close(held)


def test_each_tab_and_each_run_has_an_address(context: BrowserContext, server: Server) -> None:
    old = make_run(server.store, state=RunState.STOPPED, steps=5)
    page = context.new_page()
    page.goto(f"{server.url}/?run={old.id}")
    expect(page.locator("#run-head")).to_contain_text(old.id)
    page.get_by_role("tab", name="Train").click()
    expect(page).to_have_url(f"{server.url}/")
    page.get_by_role("tab", name="Runs").click()
    expect(page).to_have_url(f"{server.url}/?run={old.id}")
    new = _expect_a_run_far_down_to_come_into_view(page, server, selected=old.id)
    page.get_by_role("tab", name="Guide").click()
    expect(page).to_have_url(f"{server.url}/?tab=guide")
    # Back goes through all of it, and not out of the page.
    for run in (new, old.id):
        page.go_back()
        expect(page).to_have_url(f"{server.url}/?run={run}")
        expect(page.locator("#run-head")).to_contain_text(run)
    page.go_back()
    expect(page).to_have_url(f"{server.url}/")
    expect(page.locator("#start")).to_be_visible()
    page.go_forward()
    expect(page.locator("#run-head")).to_contain_text(old.id)
    page.goto(f"{server.url}/?tab=guide")
    expect(page.locator(".guide")).to_be_visible()


def _expect_a_run_far_down_to_come_into_view(page: Page, server: Server, *, selected: str) -> str:
    made = [make_run(server.store, state=RunState.STOPPED, steps=5) for _ in range(12)]
    for run in made:
        # Until then the list grows, and what is last in it is another one in the next moment.
        expect(page.locator(f"[data-run='{run.id}']")).to_have_count(1)
    last = page.locator(f"[data-run]:not([data-run='{selected}'])").last
    run_id = last.get_attribute("data-run") or ""
    page.locator(f"[data-run='{run_id}']").click()
    expect(page.locator("#run-head")).to_contain_text(run_id)
    expect(page.locator("#run-head h2")).to_be_in_viewport()
    expect(page).to_have_url(f"{server.url}/?run={run_id}")
    return run_id


def test_what_became_of_a_run_is_shown_and_what_to_do(
    context: BrowserContext, server: Server
) -> None:
    failed, owed, pushed = _failed(server), _owed(server), _pushed(server)
    page = context.new_page()
    page.goto(f"{server.url}/?run={failed.id}")
    _expect_a_failure_with_its_remedies(page)
    _expect_a_fix_to_start_another_run(page, server, failed)
    page.get_by_role("tab", name="Log").click()
    page.locator(f'[data-run="{owed.id}"]').click()
    expect(page.get_by_role("tab", name="Curves")).to_have_attribute("aria-selected", "true")
    _expect_a_push_that_can_be_tried_again(page, server, owed)
    page.locator(f'[data-run="{pushed.id}"]').click()
    _expect_what_was_pushed_and_that_it_stays(page, pushed)
    _expect_the_form_to_be_filled_from_a_run(page)
    page.goto(f"{server.url}/?run=..%2F..%2Fetc")
    expect(page.locator("#run-blank")).to_contain_text("There is no run")


def _failed(server: Server) -> Run:
    run = make_run(server.store, state=RunState.FAILED, steps=5)
    failure = Failure(
        cause="device_out_of_memory", explanation=EXPLANATION, remedies=[REMEDY, "Then resume."]
    )
    write(run, failure, Warned(text="<i>3 rows</i> were cut."))
    return run


def _expect_a_failure_with_its_remedies(page: Page) -> None:
    card = page.locator("#run-failure")
    expect(card.locator("h3")).to_have_text("The GPU ran out of memory")
    expect(card).to_contain_text(EXPLANATION)
    expect(card.locator("ul:not(.fixes) li").first).to_have_text(REMEDY)
    expect(page.locator("#resume")).to_have_text("Resume from step 5")
    expect(page.locator("#run-head")).to_contain_text("<i>3 rows</i> were cut.")


def _expect_a_fix_to_start_another_run(page: Page, server: Server, failed: Run) -> None:
    fixes = page.locator("#run-failure .fixes li")
    expect(fixes.nth(1)).to_contain_text("Gradient checkpointing: Automatic → On")
    smaller = fixes.first
    changes = "Per-device batch size: 8 → 4, Gradient accumulation steps: 1 → 2"
    expect(smaller).to_contain_text(changes)
    with taken_device(server.home):
        smaller.get_by_role("button", name="Apply and start again").dblclick()
        expect(page.locator("#run-head .badge")).to_have_text("Waiting")
        (run,) = [run for run in server.store.list() if run.id > failed.id and _waits(run)]
        expect(page).to_have_url(f"{server.url}/?run={run.id}")
        asked, before = run.config(), failed.config()
        update = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
        assert asked.training == before.training.model_copy(update=update)
        assert asked.model_copy(update={"training": before.training}) == before
        server.client().predict(run_id=run.id, api_name="/cancel")
        wait_until(lambda: run.status().state is RunState.CANCELED)
    # What is none of its fixes starts nothing.
    foreign = {"run_id": failed.id, "fix": "training.seed=1", "submission": ""}
    told, *_ = server.client().predict(**foreign, api_name="/retry")
    assert "not offered" in told
    # What a run was only warned of is answered too, while it goes on.
    write(failed, StateChanged(state=RunState.QUEUED), StateChanged(state=RunState.STOPPED))
    write(failed, Warned(text="It rises.", cause="diverging"))
    page.goto(f"{server.url}/?run={failed.id}")
    expect(page.locator("#run-failure h3")).to_have_text("The loss rose")
    expect(fixes.first).to_contain_text("Learning rate: 0.001 → 0.00033")


def _waits(run: Run) -> bool:
    return run.status().state is RunState.QUEUED


def _owed(server: Server) -> Run:
    run = make_run(
        server.store, state=RunState.TRAINED, steps=5, owner="acme", hub_private_repo=False
    )
    run.paths.model.mkdir()
    write(run, PushFailed(cause="no_network", explanation="The Hub did not respond."))
    return run


def _expect_a_push_that_can_be_tried_again(page: Page, server: Server, run: Run) -> None:
    expect(page.locator("#run-failure h3")).to_contain_text("trained and safe here")
    expect(page.locator("#push")).to_have_text("Push again")
    expect(page.get_by_label("Owner", exact=True)).to_have_value("acme")
    expect(page.locator("#push-private input")).not_to_be_checked()
    # It takes a token, and where to get one is said before anybody tries.
    expect(page.locator("#push-said")).to_contain_text("needs a Hugging Face token. Set HF_TOKEN")
    expect(page.locator("#push")).to_be_disabled()
    expect(page.locator("#make-demo")).to_be_disabled()
    wrong = {"name": "not a name", "owner": "acme", "weights": "adapter", "private": True}
    chosen = wrong | {"pull_request": False, "replace": False}
    problem, _ = server.client().predict(run_id=run.id, **chosen, api_name="/push")
    assert "<b>Name</b> Use letters" in problem


def _pushed(server: Server) -> Run:
    run = make_run(server.store, state=RunState.DONE, steps=5, name="my-own-name")
    run.paths.model.mkdir()
    url = "https://huggingface.co/acme/bot"
    write(
        run,
        Pushed(
            repo="acme/bot", url=url, commit="0123456789", files=9, size=2_000_000, private=True
        ),
    )
    return run


def _expect_what_was_pushed_and_that_it_stays(page: Page, run: Run) -> None:
    link = page.locator("#push-panel").get_by_role("link", name="acme/bot")
    expect(link).to_have_attribute("href", "https://huggingface.co/acme/bot")
    expect(page.locator("#push-said")).to_contain_text("each one verified at revision 0123456.")
    expect(page.locator("#push")).to_have_text("Push again")
    # A push that fails takes nothing back.
    write(run, PushFailed(cause="no_network", explanation="The Hub did not respond."))
    expect(page.locator("#run-failure h3")).to_contain_text("The last push failed")
    expect(page.locator("#run-failure")).to_contain_text("at revision 0123456: that stays.")
    expect(link).to_be_visible()


def _expect_the_form_to_be_filled_from_a_run(page: Page) -> None:
    page.locator("#reuse").click()
    expect(page.get_by_label("Model name")).to_have_value("my-own-name")
    expect(page.locator("#yaml")).to_contain_text("smollm2", ignore_case=True)


def test_start_makes_one_run_and_cancel_ends_it(context: BrowserContext, server: Server) -> None:
    with taken_device(server.home):
        before = {run.id for run in server.store.list()}
        page = open_form(context, server)
        page.locator("#start").dblclick()
        expect(page.locator("#run-head .badge")).to_have_text("Waiting")
        # It stands still, and says since when.
        expect(page.locator("#run-head")).to_contain_text("queued just now")
        expect(page.locator("#run-head .progress.busy")).to_have_count(0)
        new = {run.id for run in server.store.list()} - before
        assert len(new) == 1
        run = server.store.open(new.pop())
        expect(page).to_have_url(f"{server.url}/?run={run.id}")
        page.locator("#cancel").click()
        page.locator("#cancel-now").click()
        expect(page.locator("#run-head .badge")).to_have_text("Canceled")
        wait_until(lambda: run.status().state is RunState.CANCELED)


def test_the_same_submission_is_one_run(server: Server) -> None:
    with taken_device(server.home):
        client = server.client()
        before = {run.id for run in server.store.list()}
        values = without_default(client) | {"submission": "0123456789abcdef"}
        presses = [
            threading.Thread(target=client.predict, kwargs=values | {"api_name": "/start"})
            for _ in range(3)
        ]
        for press in presses:
            press.start()
        for press in presses:
            press.join()
        new = {run.id for run in server.store.list()} - before
        assert len(new) == 1
        run = server.store.open(new.pop())
        client.predict(run_id=run.id, api_name="/cancel")
        wait_until(lambda: run.status().state is RunState.CANCELED)


def test_an_event_that_shows_no_progress_updates_no_progress(server: Server) -> None:
    events = server.client().config["dependencies"]
    hidden = [e for e in events if e["backend_fn"] and e["show_progress"] == "hidden"]
    assert len(hidden) > 10
    # Otherwise each tick costs an open page an update of every part that ever was an output.
    assert [e["api_name"] for e in hidden if e["show_progress_on"] != []] == []
