"""The tier of each test, what a unit test may not do, and the order of the files."""

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from core.machine.loading import loading

# A test's tier follows from what it asks for; one that starts things itself is marked by hand.
BROWSER_FIXTURES = {"browser", "server", "connected", "space", "spaces", "double"}

PROCESS_FIXTURES = {"command_line", "online", "bare", "hub", "client", "previewer"}
TIERS = ("unit", "process", "browser")
STARTS_A_PROCESS = {"subprocess.Popen", "os.fork", "os.posix_spawn"}

# Files are given out whole, in this order: what takes minutes begins first, so that no worker is
# left with it in the end.
LONGEST_FIRST = (
    "tests/browser/test_default_run.py",
    "tests/core/publish/test_push.py",
    "tests/core/publish/test_push_faults.py",
    "tests/core/checkpoint_sync/",
    "tests/core/data/test_hub_rows.py",
    "tests/core/jobs/",
    "tests/core/publish/test_tracking.py",
    "tests/interface/train/",
    "tests/browser/test_space.py",
    "tests/interface/access/",
    "tests/core/publish/",
    "tests/interface/",
    "tests/core/train/",
    "tests/hub/",
)

_tier_under_test: str | None = None


def _refuse_processes_to_unit_tests(event: str, _: object) -> None:
    if _tier_under_test == "unit" and event in STARTS_A_PROCESS:
        raise AssertionError("A unit test starts no process: mark it with pytest.mark.process.")


sys.addaudithook(_refuse_processes_to_unit_tests)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test waits for the Hub and the page for half its time."""
    return (os.cpu_count() or 1) + 1


def tier_of(item: pytest.Item) -> str:
    marked = [tier for tier in TIERS if item.get_closest_marker(tier)]
    if marked:
        return marked[-1]
    asked = set(getattr(item, "fixturenames", ()))
    if asked & BROWSER_FIXTURES:
        return "browser"
    return "process" if asked & PROCESS_FIXTURES else "unit"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module whose tests are all of another tier isn't even imported for the unit tests."""
    if config.getoption("-m") != "unit" or not collection_path.name.startswith("test_"):
        return None
    return "\npytestmark = " in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Each worker imports all there is, torch too: without looking for garbage meanwhile."""
    with loading():
        return (yield)


def pytest_itemcollected(item: pytest.Item) -> None:
    # Before pytest looks at -m.
    item.add_marker(tier_of(item))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        found = (n for n, begin in enumerate(LONGEST_FIRST) if item.nodeid.startswith(begin))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    yield from _under(tier_of(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    yield from _under(tier_of(item))


def _under(tier: str) -> Generator[None, None, None]:
    global _tier_under_test
    _tier_under_test = tier
    try:
        yield
    finally:
        _tier_under_test = None
