"""The form: what is typed is what runs, and what is wrong is said where it was typed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Locator, Page, Request, Route, expect

from core.config.every_setting import settings_of_a_run
from core.config.parse import load_config
from interface.train.form import CARDS
from tests.interface.filling import choose, is_of_the_form, load, open_advanced, yaml_of
from tests.interface.harness import Server, open_form, wait_for_page, without_default
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

Preview = Callable[..., dict[str, Any]]


def start(page: Page) -> None:
    page.locator("#start").click()


def error_at(page: Page, path: str) -> Any:
    return page.locator(f"#field-{path.replace('.', '-')} .field-error")


def test_every_section_has_a_card() -> None:
    shown = {section for sections in CARDS.values() for section in sections}
    assert shown == {setting.section for setting in settings_of_a_run()}


def test_zeros_survive(preview: Preview) -> None:
    zeros = {
        "adapter__lora_dropout": 0,
        "training__weight_decay": 0,
        "training__max_grad_norm": 0,
        "training__seed": 0,
        "schedule__warmup_steps": 0,
        "evaluation__fraction": 0,
    }
    config = yaml.safe_load(
        preview(**zeros, dataset__source="hub", dataset__name="acme/rows")["yaml"]
    )
    for name in zeros:
        section, _, key = name.partition("__")
        assert config[section][key] == 0, name


def test_defaults_are_a_run_with_a_name_of_its_own(preview: Preview, server: Server) -> None:
    shown = preview()
    assert shown["problems"] == ""
    asked = load_config("version: 2")
    assert load_config(shown["yaml"]) == asked
    run = server.store.named(asked)
    assert "SmolLM2-135M-Instruct (built in)" in shown["summary"]
    name = run.output.repo_name
    assert name.startswith("smollm2-135m-facts-to-json")
    assert shown["command"] == f"python -m core train {name}.yaml"
    assert shown["name"]["placeholder"] == name
    # It follows what is trained on what, until somebody names it.
    chosen = {"model__name": "Qwen/Qwen3-0.6B", "dataset__builtin": "facts_pairs"}
    shown = preview(**chosen, method__name="dpo")
    assert shown["name"]["placeholder"] == "qwen3-0.6b-facts-pairs"
    # So does the learning rate, until somebody sets one; and so do both when the file is changed.
    assert "a learning rate of 1e-5" in shown["summary"]
    written = yaml.safe_load(shown["yaml"])
    assert "learning_rate" not in written["training"]
    assert "name" not in written["output"]
    assert load_config(shown["yaml"]).training.learning_rate == 1e-5
    named = preview(
        **chosen, method__name="dpo", output__name="bot", training__learning_rate="1e-3"
    )["yaml"]
    assert "name: bot\n" in named
    assert "learning_rate: 0.001\n" in named
    server.store.create(run, files={}, submission="ab" * 8)
    assert preview()["name"]["placeholder"] not in ("", name)


def test_it_is_said_what_outlives_the_machine(preview: Preview, space: Server) -> None:
    mine = preview(output__sync_checkpoints=True, output__owner="olga")["summary"]
    assert "synced to a private repository of olga as it trains" in mine
    proposed = {
        "output__sync_checkpoints": True,
        "output__push_to_hub": True,
        "output__pull_request": True,
    }
    theirs = preview(**proposed, output__owner="olga")["summary"]
    assert "synced to a private repository of your account" in theirs
    wiped = "wiped when the Space restarts"
    assert wiped not in preview()["summary"]
    client = space.client()
    there = without_default(client)
    assert wiped in client.predict(api_name="/preview", **there)[0]
    synced = there | {"output__sync_checkpoints": True}
    assert wiped not in client.predict(api_name="/preview", **synced)[0]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"training__num_train_epochs": 0}, "training.num_train_epochs"),
        ({"training__num_train_epochs": "many"}, "training.num_train_epochs"),
        ({"training__per_device_train_batch_size": 2.5}, "training.per_device_train_batch_size"),
        ({"training__per_device_train_batch_size": None}, "training.per_device_train_batch_size"),
        ({"training__seed": -1}, "training.seed"),
        ({"training__max_steps": "1e"}, "training.max_steps"),
        ({"training__max_steps": 0}, "training.max_steps"),
        ({"model__name": "https://elsewhere.example/model"}, "model.name"),
        ({"output__name": "../up"}, "output.name"),
        ({"schedule__lr_scheduler_type": "sideways"}, "schedule.lr_scheduler_type"),
        ({"dataset__source": "hub"}, "dataset.name"),
        ({"dataset__source": "upload"}, "dataset.files"),
    ],
)
def test_a_bad_value_is_named(preview: Preview, values: dict[str, Any], path: str) -> None:
    shown = preview(**values)
    assert f'data-field="field-{path.replace(".", "-")}"' in shown["problems"]
    assert shown["yaml"].startswith("# These settings can't make a run yet.")


def test_messages_are_text(preview: Preview) -> None:
    shown = preview(output__push_to_hub=True, output__owner="<img src=x>", model__name="<b>/x")
    assert "<img" not in shown["problems"]
    assert "<img" not in shown["summary"]


def test_errors_appear_at_their_fields(page: Page) -> None:
    _expect_an_error_that_goes_when_it_is_mended(page)
    _expect_a_fault_under_advanced_to_be_brought_into_view(page)
    page.get_by_label("Seed").fill("3")
    _expect_arguments_to_appear_with_their_schedule(page)


def _expect_an_error_that_goes_when_it_is_mended(page: Page) -> None:
    page.get_by_label("Epochs").fill("0")
    start(page)
    expect(error_at(page, "training.num_train_epochs")).to_have_text(
        "This should be greater than 0."
    )
    expect(page.get_by_label("Epochs")).to_have_value("0")
    expect(page.locator("#problems")).to_contain_text("Epochs")
    page.get_by_label("Epochs").fill("2")
    expect(error_at(page, "training.num_train_epochs")).to_have_count(0)
    expect(page.locator("#problems .problems")).to_have_count(0)


def _expect_a_fault_under_advanced_to_be_brought_into_view(page: Page) -> None:
    open_advanced(page, "Training")
    expect(page.locator("#section-columns")).to_be_hidden()
    page.get_by_label("Seed").fill("-3")
    page.get_by_role("button", name="Advanced settings").click()
    expect(page.get_by_label("Seed")).to_be_hidden()
    start(page)
    expect(error_at(page, "training.seed")).to_be_in_viewport()
    expect(page.get_by_label("Seed")).to_have_value("-3")


def _expect_arguments_to_appear_with_their_schedule(page: Page) -> None:
    page.locator(".section > button", has_text="Schedule").click()
    expect(page.get_by_label("Cycles")).to_be_visible()
    expect(page.get_by_label("Power")).to_have_count(0)
    choose(page, "Schedule", "Polynomial")
    expect(page.get_by_label("Power")).to_be_visible()
    expect(page.get_by_label("Cycles")).to_have_count(0)
    page.get_by_label("Final learning rate").fill("5")
    expect(error_at(page, "schedule.lr_end")).to_be_visible()
    # What isn't shown isn't asked.
    page.get_by_label("Schedule", exact=True).click()
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("listbox")).to_have_count(0)
    choose(page, "Schedule", "Linear")
    expect(page.locator("#problems .problems")).to_have_count(0)


def test_settings_go_out_as_yaml_and_come_back(page: Page, server: Server, tmp_path: Path) -> None:
    rate = page.locator("#field-training-learning_rate").get_by_role("textbox")
    expect(rate).to_have_attribute("placeholder", "0.001")
    page.get_by_text("All weights", exact=True).click()
    # Left empty, it is what goes with that.
    expect(rate).to_have_attribute("placeholder", "2e-5")
    rate.fill("0.00003")
    page.get_by_text("Hugging Face Hub", exact=True).click()
    page.get_by_label("Hub dataset").fill("acme/rows")
    page.get_by_label("Private").uncheck()
    open_advanced(page, "Schedule", "Training")
    # A section shows once it has a setting for what was chosen.
    expect(page.locator("#section-columns")).to_be_visible()
    choose(page, "Schedule", "Polynomial")
    page.get_by_label("Power").fill("2")
    page.get_by_label("Maximum steps").fill("7")
    page.get_by_label("Weight decay").fill("0")
    expect(page.locator("#yaml")).to_contain_text("acme/rows")
    expect(page.locator("#summary")).to_contain_text("7 steps")
    written = yaml_of(page, tmp_path)
    config = load_config(written)
    assert (config.training.max_steps, config.schedule.power) == (7, 2.0)

    fresh = open_form(page.context, server)
    file = tmp_path / "again.yaml"
    file.write_text(written, encoding="utf-8")
    load(fresh, file)
    # A preview of the fields before may still be on its way.
    wait_for_page(fresh, lambda: load_config(yaml_of(fresh, tmp_path)) == config)
    expect(fresh.get_by_label("Hub dataset")).to_have_value("acme/rows")
    _expect_nothing_typed_to_be_undone_by_a_reload(fresh)


def _expect_nothing_typed_to_be_undone_by_a_reload(page: Page) -> None:
    """What is saved comes back by way of the server: until then, nothing can be typed over."""
    held: list[Route] = []
    page.route("**/run/predict*", lambda route: held.append(route))
    page.reload()
    wait_for_page(page, lambda: bool(held))
    name = page.get_by_label("Model name")
    _type(page, name, "too early")
    expect(name).to_have_value("")
    # What is held goes on its way now.
    page.unroute("**/run/predict*")
    expect(page.get_by_label("Hub dataset")).to_have_value("acme/rows")
    expect(page.locator("#yaml")).to_contain_text("acme/rows")
    _type(page, name, "in-time")
    expect(page.locator("#summary")).to_contain_text("in-time")
    expect(name).to_have_value("in-time")


def _type(page: Page, field: Locator, text: str) -> None:
    """As a person does: with a click where the field is, and keys."""
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def test_a_bad_yaml_changes_nothing(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Epochs").fill("3")
    for name, (text, message) in enumerate(
        (
            (b"training: [", "This is not YAML."),
            (b"version: 2\ntraining:\n  speed: 3\n", "There is no setting training.speed."),
            (b"version: 2\ntraining:\n  num_train_epochs: many\n", "Write a number here."),
            (b"version: 9\n", "reads versions 1 to 2 of the file"),
            (b"\xff\xfe", "This is not a text file."),
            (b"a: b\n" * 100_000, "too large"),
        )
    ):
        file = tmp_path / f"{name}.yaml"
        file.write_bytes(text)
        load(page, file)
        expect(page.locator("#load-problem")).to_contain_text(message)
        expect(page.get_by_label("Epochs")).to_have_value("3")


def test_a_broken_row_is_found_before_the_run(page: Page, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": \n', encoding="utf-8")
    page.get_by_text("My files", exact=True).click()
    page.locator("#field-dataset-files input[type=file]").set_input_files(file)
    expect(page.locator("#summary")).to_contain_text("rows.jsonl")
    before = len(server.store.list())
    start(page)
    expect(error_at(page, "dataset.files")).to_contain_text("2")
    expect(page.locator("#field-dataset-files")).to_contain_text("rows")
    assert len(server.store.list()) == before


def test_a_form_that_was_filled_comes_to_rest(page: Page, tmp_path: Path) -> None:
    """It tells of each field, and asks once at a time: no answer can overtake a newer one."""
    previews: set[Request] = set()
    most = 0

    def begun(sent: Request) -> None:
        nonlocal most
        if is_of_the_form(sent) and "run/predict" in sent.url:
            previews.add(sent)
            most = max(most, len(previews))

    page.on("request", begun)
    page.on("requestfinished", lambda sent: previews.discard(sent))
    # Each but the first has something before it that has to be emptied again.
    hub = "{source: hub, name: ada/facts, subset: small}"
    for number, dataset in enumerate((hub, "{}", hub, "{source: upload, files: [a.csv]}")):
        file = tmp_path / f"{number}.yaml"
        name = f"run-{number}"
        file.write_text(f"version: 2\ndataset: {dataset}\noutput: {{name: {name}}}\n", "utf-8")
        load(page, file)
        expect(page.get_by_label("Model name")).to_have_value(name)
        _wait_for_rest(page)
    assert most == 1


def _wait_for_rest(page: Page) -> None:
    asked: list[Request] = []

    def note(sent: Request) -> None:
        asked.append(sent)

    def is_at_rest() -> bool:
        asked.clear()
        page.wait_for_timeout(1500)
        return not any(map(is_of_the_form, asked))

    page.on("request", note)
    wait_until(is_at_rest, seconds=30)
    page.remove_listener("request", note)


def test_what_start_refuses_stays_said(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("version: 2\noutput: {name: a-bot, sync_checkpoints: true}\n", "utf-8")
    load(page, file)
    expect(page.get_by_label("Model name")).to_have_value("a-bot")
    open_advanced(page, "Output")
    start(page)
    refusal = page.get_by_role("alert").filter(has_text="needs a Hugging Face token")
    expect(refusal).to_be_visible()
    page.wait_for_timeout(2000)
    expect(refusal).to_be_visible()
    page.get_by_label("Sync checkpoints to the Hub").uncheck()
    expect(refusal).to_be_hidden()
    _expect_a_preview_that_comes_late_to_leave(refusal, page=page)


def _expect_a_preview_that_comes_late_to_leave(refusal: Locator, *, page: Page) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held or not is_of_the_form(route.request):
            route.continue_()
        else:
            held.append(route)

    page.route("**/run/predict*", hold_the_first)
    with page.expect_request(is_of_the_form):
        page.get_by_label("Sync checkpoints to the Hub").check()
    start(page)
    expect(refusal).to_be_visible()
    with page.expect_response(lambda answer: is_of_the_form(answer.request)):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(refusal).to_be_visible()
    page.get_by_label("Sync checkpoints to the Hub").uncheck()
    expect(refusal).to_be_hidden()
