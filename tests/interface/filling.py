"""What a person does to the form, in a browser, and what it asks of the server then."""

from pathlib import Path

from playwright.sync_api import Page, Request, expect


def open_advanced(page: Page, *sections: str) -> None:
    page.get_by_role("button", name="Advanced settings").click()
    for section in sections:
        page.locator(".section > button", has_text=section).click()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def wait_until_filled(page: Page) -> None:
    """A form that is being filled takes no changes of a person; a script's would be undone."""
    expect(page.locator("[inert]")).to_have_count(0)


def yaml_of(page: Page, tmp_path: Path) -> str:
    """What the download button gives."""
    with page.expect_download() as download:
        page.locator("#download-yaml").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_text(encoding="utf-8")


def load(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#load-yaml").click()
    chooser.value.set_files(file)


def is_of_the_form(request: Request) -> bool:
    """A tick asks with two values, the form with all of its own."""
    sent = request.post_data_json
    return isinstance(sent, dict) and len(sent.get("data", [])) > 10
