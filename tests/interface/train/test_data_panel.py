"""What the model will see, on the page: rows as tokens, columns for their parts, and refusals."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from core.jobs import launcher
from tests.command_line import taken_device
from tests.interface.filling import is_of_the_form
from tests.interface.harness import Server, sign_in_cookie, wait_for_page, without_default

pytestmark = pytest.mark.browser

ODD = ["id,topic,task,hint,reply"] + [
    f'{n},Sums,What is {n} plus {n}?,Count on,"It is {2 * n}."' for n in range(30)
]


def choose(page: Page, file: Path) -> None:
    page.get_by_text("My files", exact=True).click()
    if (clear := page.locator("#field-dataset-files").get_by_label("Clear")).is_visible():
        clear.click()
    page.locator("#field-dataset-files input[type=file]").set_input_files(file)


def name_column(page: Page, part: str, value: str) -> None:
    field = page.locator(f"#field-columns-{part} input")
    field.fill(value)
    field.press("Enter")
    field.press("Tab")


def marked(page: Page) -> str:
    """What is learned of the first row that is shown."""
    row = page.locator("#data-rows .seen").first
    return "".join(row.locator(".tokens .trained").all_inner_texts())


def figure(page: Page, name: str) -> Locator:
    tile = page.locator("#data-figures .tile", has=page.get_by_text(name, exact=True))
    return tile.locator("b")


def test_the_built_in_rows_are_shown_at_once(page: Page) -> None:
    expect(figure(page, "Rows")).to_have_text("320")
    expect(page.locator("#data-rows .seen")).to_have_count(3)
    expect(page.locator("#data-rows h3").first).to_have_text("line 1")
    assert marked(page).startswith('{"planet": "Saturn"')
    page.locator("#data-next").click()
    expect(page.locator("#data-rows h3").first).to_have_text("line 4")
    page.locator("#data-back").click()
    expect(page.locator("#data-rows h3").first).to_have_text("line 1")
    _expect_rows_from_before_a_change_to_be_marked(page)
    page.locator("#data-longest").click()
    expect(page.locator("#data-rows .seen")).to_have_count(1)
    _expect_the_rows_to_evaluate_with(page)
    _expect_a_forecast_that_moves_with_the_batch(page)


def _expect_a_forecast_that_moves_with_the_batch(page: Page) -> None:
    forecast = page.locator("#forecast")
    expect(forecast).to_contain_text("Needs about")
    expect(forecast).to_contain_text("(40 steps)")
    page.get_by_label("Per-device batch size").fill("4000")
    expect(forecast).to_contain_text("(1 step)")
    page.get_by_label("Per-device batch size").fill("8")
    expect(forecast).to_contain_text("(40 steps)")
    _expect_a_summary_that_comes_late_to_know_of_the_rows(page)
    # Of a model that nobody has looked at there is none.
    page.get_by_label("Base model", exact=True).fill("acme/unknown")
    page.get_by_label("Base model", exact=True).press("Tab")
    expect(forecast).not_to_contain_text("Needs about")


def _expect_a_summary_that_comes_late_to_know_of_the_rows(page: Page) -> None:
    held: list[tuple[Route, APIResponse]] = []

    def hold_the_answer(route: Route) -> None:
        if held or not is_of_the_form(route.request):
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route("**/run/predict*", hold_the_answer)
    page.get_by_role("spinbutton", name="Maximum length").fill("900")
    expect(page.locator("#data-panel")).to_contain_text("maximum length 900")
    ((route, answer),) = held
    route.fulfill(response=answer)
    expect(page.locator("#forecast")).to_contain_text("Needs about")
    page.unroute("**/run/predict*")


def _expect_rows_from_before_a_change_to_be_marked(page: Page) -> None:
    marked, panel = page.get_by_text("Out of date"), page.locator("#data-panel")
    expect(marked).to_be_hidden()
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    page.get_by_role("spinbutton", name="Maximum length").fill("1000")
    expect(marked).to_be_visible()
    wait_for_page(page, lambda: bool(held))
    # What is held goes on its way now.
    page.unroute("**/queue/join*")
    expect(panel).to_contain_text("maximum length 1,000")
    expect(marked).to_be_hidden()


def _expect_the_rows_to_evaluate_with(page: Page) -> None:
    expect(page.locator("#data-figures")).to_contain_text(
        "Of 320 rows, 320 to train on. 64 other rows to evaluate with."
    )
    page.get_by_text("To evaluate with", exact=True).click()
    expect(page.locator("#data-rows .tokens").first).to_contain_text("platinum")
    page.locator("#data-next").click()
    expect(page.locator("#data-rows h3").first).to_have_text("line 4")
    page.get_by_text("To train on", exact=True).click()
    expect(page.locator("#data-rows .tokens").first).to_contain_text("Saturn")
    expect(page.locator("#data-rows h3").first).to_have_text("line 1")


def test_an_odd_csv_is_mapped_and_trained_on(page: Page, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text("\n".join(ODD) + "\n", encoding="utf-8")
    choose(page, file)
    # The person is told that it is a guess, and chooses from what there is.
    expect(page.locator("#data-figures")).to_contain_text("What odd.csv holds is a guess")
    page.locator("#field-columns-completion input").click()
    expect(page.get_by_role("option", name="reply")).to_be_visible()
    page.keyboard.press("Escape")
    _expect_a_cleared_column_to_stay_cleared(page)
    name_column(page, "completion", "reply")
    name_column(page, "prompt", "{topic}: {task}\\n({hint})")
    name_column(page, "system", "You teach.")
    expect(figure(page, "Rows")).to_have_text("30")
    expect(page.locator("#data-figures")).to_contain_text(
        "Of 30 rows, 27 to train on, 3 held out to evaluate with."
    )
    row = page.locator("#data-rows .seen").first
    expect(row).to_contain_text("You teach.")
    expect(row).to_contain_text("Sums: What is 0 plus 0?")
    expect(row).to_contain_text("(Count on)")
    assert marked(page).startswith("It is 0.")
    expect(page.locator("#yaml")).to_contain_text("completion: reply")
    page.locator("#start").click()
    page.wait_for_url("**/?run=*", timeout=60_000)
    expect(page.locator("#run-head .badge")).to_have_text("Done", timeout=120_000)
    run = server.store.open(page.url.rpartition("=")[2])
    assert run.config().columns.prompt == "{topic}: {task}\\n({hint})"
    # Three of the thirty are held out.
    assert (run.resolved()["rows"], run.resolved()["evaluation_rows"]) == ("27", "3")
    _expect_a_new_run_to_have_the_file(page, server, other=run.id)


def _expect_a_cleared_column_to_stay_cleared(page: Page) -> None:
    field = page.locator("#field-columns-completion input")
    name_column(page, "completion", "reply")
    field.click()
    for key in ("Control+a", "Delete", "Enter"):
        field.press(key)
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(field).to_have_value("")


def _expect_a_new_run_to_have_the_file(page: Page, server: Server, *, other: str) -> None:
    page.reload()
    # The form is as it was, with its file.
    expect(page.locator("#field-dataset-files")).to_contain_text("odd")
    expect(page.locator("#field-columns-prompt input")).to_have_value("{topic}: {task}\\n({hint})")
    page.locator("#reuse").click()
    expect(page.locator("#field-dataset-files")).to_contain_text("odd")
    expect(page.locator("#load-problem")).to_contain_text("holds these settings")
    expect(page.locator("#load-problem")).not_to_contain_text("again")
    expect(figure(page, "Rows")).to_have_text("30")
    with taken_device(server.home):
        page.locator("#start").click()
        page.wait_for_url(lambda url: "run=" in url and other not in url, timeout=60_000)
        run = server.store.open(page.url.rpartition("=")[2])
        assert run.files()["odd.csv"].read_text(encoding="utf-8") == "\n".join(ODD) + "\n"
        launcher.cancel(run)


def test_files_are_shown_one_after_another_whatever_is_in_them(page: Page, tmp_path: Path) -> None:
    _expect_noise_leaves_the_page_alive(page, tmp_path / "noise.csv")
    _expect_noise_leaves_the_page_alive(page, tmp_path / "noise.jsonl")
    _expect_what_blocks_to_be_told(page, tmp_path / "pairs.jsonl")
    _expect_the_text_of_a_row_to_be_text(page, tmp_path / "rows.jsonl")
    _expect_a_file_of_another_kind_to_be_refused_at_its_field(page)


def _expect_a_file_of_another_kind_to_be_refused_at_its_field(page: Page) -> None:
    page.locator("#field-dataset-files").get_by_label("Clear").click()
    dropped = page.evaluate_handle(
        "() => { const all = new DataTransfer(); all.items.add(new File(['%PDF'], 'a.pdf'));"
        " return all; }"
    )
    field = page.locator("#field-dataset-files")
    field.get_by_role("button").first.dispatch_event("drop", {"dataTransfer": dropped})
    expect(field.locator(".field-error")).to_contain_text("a.pdf can't be read here: choose .csv")


def _expect_noise_leaves_the_page_alive(page: Page, file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 50)
    choose(page, file)
    expect(page.locator("#data-figures .problems")).to_contain_text(file.name)
    page.locator("#field-dataset-files").get_by_label("Clear").click()
    page.get_by_text("Built in", exact=True).click()
    expect(figure(page, "Rows")).to_have_text("320")


def _expect_what_blocks_to_be_told(page: Page, file: Path) -> None:
    file.write_text(json.dumps({"prompt": "a", "chosen": "b", "rejected": "c"}), encoding="utf-8")
    choose(page, file)
    expect(page.locator("#data-figures")).to_contain_text("learns from conversations")
    expect(page.locator("#data-rows")).to_contain_text("Chosen")
    expect(page.locator("#data-rows")).to_contain_text("Rejected")
    # Before Start is pressed it is said in the place of a summary, and at its field.
    expect(page.locator("#summary")).to_be_hidden()
    expect(page.locator("#data-problem")).to_contain_text("Dataset format This data is pairs")
    error = page.locator("#field-dataset-format .field-error")
    expect(error).to_contain_text("learns from conversations")
    # Start says the same, once, and its menu does not drop open over the words.
    page.locator("#start").click()
    problems = page.locator("#problems")
    expect(problems).to_contain_text("Dataset format This data is pairs", timeout=60_000)
    expect(page.locator("#data-problem")).to_be_hidden()
    expect(error).to_have_count(1)
    expect(error).to_be_in_viewport()
    expect(page.get_by_role("listbox")).to_have_count(0)
    file.write_bytes(b"")
    choose(page, file)
    expect(page.locator("#data-problem")).to_contain_text("Training files pairs.jsonl is empty")
    expect(page.locator("#field-dataset-files .field-error")).to_contain_text("is empty")
    expect(error).to_have_count(0)


def _expect_the_text_of_a_row_to_be_text(page: Page, file: Path) -> None:
    bad = "<img src=x onerror=\"document.title='taken'\">"
    file.write_text(json.dumps({"prompt": bad, "completion": bad}), encoding="utf-8")
    choose(page, file)
    expect(page.locator("#data-rows .seen").first).to_contain_text("<img src=x")
    expect(page.locator("#summary")).to_be_visible()
    assert page.locator("#data-rows img").count() == 0
    assert page.title() == "SmolFactory"


def test_a_visitor_can_look_at_no_data(space: Server) -> None:
    assert "Only people who may train here" in _look(space)
    assert "Only people who may train here" not in _look(space, cookie=sign_in_cookie("acme"))


def _look(space: Server, *, cookie: str | None = None) -> str:
    client = space.client(**({"Cookie": cookie} if cookie else {}))
    answer = client.predict(api_name="/look", **without_default(client))
    return str(answer[0])
