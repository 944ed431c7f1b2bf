"""The browser of the page's tests, for the test of the whole product too."""

from tests.interface.conftest import _context, browser, context

__all__ = ["_context", "browser", "context"]
