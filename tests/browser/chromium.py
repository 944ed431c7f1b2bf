"""Finds a Chromium for the browser tests, and installs one where there is none.

python -m tests.browser.chromium
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

# The one without a window first: whole Chromium draws one, unseen, for each page, in a process of
# its own, and takes half as much processor time again.
HEADLESS = "chromium-headless-shell"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# A closed network refuses what Chromium asks in the background, many times over.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Gradio 6.31 counts the seconds of its loading screen in each frame that is drawn, for as long as a
# page is open. Here it is the processor that draws frames.
FEWER_FRAMES = """
const draw = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (callback) =>
  String(callback).includes("performance.now()") ? setTimeout(draw, 500, callback) : draw(callback);
"""


@cache
def chromium() -> str:
    """The program to start. Raises FileNotFoundError, saying what to do, when there is none."""
    path = shutil.which(HEADLESS) or _playwrights()
    found = path or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError("The browser tests need Chromium: run make test, or install it.")
    return found


def open_context(browser: Browser, **options: Any) -> BrowserContext:
    """A window of its own, signed in nowhere, that draws no more than is needed."""
    size: Any = {"width": 1400, "height": 900}
    opened = browser.new_context(viewport=size, reduced_motion="reduce", **options)
    opened.set_default_timeout(15_000)
    opened.add_init_script(FEWER_FRAMES)
    return opened


def install() -> None:
    """Install Debian's Chromium where we may; otherwise Playwright's own."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        for name in (HEADLESS, "chromium"):
            command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", name]
            if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0:
                return
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    subprocess.run(command, check=True)


def _playwrights() -> str | None:
    """Playwright's own browser, where it is installed: without a window, or else the whole."""
    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    # <cache>/chromium-1234/<platform>/chrome lies beside <cache>/chromium_headless_shell-1234/….
    revision = whole.parents[1]
    shells = revision.with_name(revision.name.replace("chromium-", "chromium_headless_shell-"))
    found = (*shells.glob("*/*headless*shell"), whole)
    return next((str(path) for path in found if path.is_file()), None)


if __name__ == "__main__":
    try:
        chromium()
    except FileNotFoundError:
        sys.stderr.write("Installing Chromium for the browser tests (once) …\n")
        install()
