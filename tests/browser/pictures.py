"""The pictures of the README and the guide, which the browser's tests take."""

import os
from pathlib import Path

from playwright.sync_api import Page

# Where to put them, when they are to be made anew: PICTURES=docs/pictures make test
FOLDER = os.environ.get("PICTURES")


# Where a person's home is, in the place of the test's.
RENAME = """([home, shown]) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        walker.currentNode.data = walker.currentNode.data.replaceAll(home, shown);
}"""


def picture(page: Page, name: str, *, home: Path) -> None:
    if FOLDER:
        page.evaluate(RENAME, [str(home), "~/.local/share/smolfactory"])
        page.screenshot(path=Path(FOLDER) / f"{name}.png")
