"""The pictures of the README and the guide, which the browser's tests take."""

import os
from pathlib import Path

from playwright.sync_api import Page

# Where to put them, when they are to be made anew: PICTURES=docs/pictures make test
FOLDER = os.environ.get("PICTURES")


def picture(page: Page, name: str) -> None:
    if FOLDER:
        page.screenshot(path=Path(FOLDER) / f"{name}.png")
