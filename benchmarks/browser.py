"""A real browser with a page open, and what each live tick of that page brings it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from benchmarks.table import BenchmarkFailed
from tests.browser.chromium import ARGUMENTS, chromium

# How Gradio's page asks for what is not queued; once it has loaded, only ticks are left to ask.
TICK_PATH = "/gradio_api/run/predict"


class Tab:
    """An open page. `ticks` holds the bytes of each answer to a tick, headers included."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.ticks: list[int] = []
        self._asked: set[str] = set()
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._on_request)
        session.on("Network.loadingFinished", self._on_answer)
        session.send("Network.enable")

    def wait_for_ticks(self, count: int, *, limit: float) -> list[int]:
        """The next so many ticks. Raises BenchmarkFailed when they take too long."""
        seen = len(self.ticks)
        for _ in range(int(limit / 0.25)):
            if len(self.ticks) >= seen + count:
                return self.ticks[seen:]
            # Playwright hears of the browser's events while it waits.
            self.page.wait_for_timeout(250)
        raise BenchmarkFailed(f"fewer than {count} ticks came in {limit:.0f} s")

    def _on_request(self, event: dict[str, object]) -> None:
        request = event["request"]
        if isinstance(request, dict) and urlsplit(str(request["url"])).path == TICK_PATH:
            self._asked.add(str(event["requestId"]))

    def _on_answer(self, event: dict[str, object]) -> None:
        if event["requestId"] in self._asked:
            self.ticks.append(int(str(event["encodedDataLength"]).partition(".")[0]))


@contextmanager
def open_tab(url: str) -> Iterator[Tab]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            tab = Tab(started.new_page())
            tab.page.goto(url, timeout=120_000)
            yield tab
        finally:
            started.close()
