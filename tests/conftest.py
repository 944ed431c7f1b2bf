"""What tests share: their tiers, a home with a tiny model in it, and the command line on it."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from core.machine.atomic import lock_file
from core.machine.processes import end_family
from core.machine.source_tree import ROOT
from core.runs.store import RunStore
from tests.browser.chromium import ARGUMENTS, chromium
from tests.hub import HubDouble
from tests.tiny_model import make_tiny_model

WAIT_SECONDS = 120
DISPATCHER = "core.jobs.dispatcher"
# The tests share two cores.
expect.set_options(timeout=15_000)

# A test's tier follows from what it asks for; one that starts things itself is marked by hand.
BROWSER_FIXTURES = {"browser", "server", "space", "spaces", "double"}
PROCESS_FIXTURES = {"command_line", "online", "bare", "hub", "client", "previewer"}
TIERS = ("unit", "process", "browser")
STARTS_A_PROCESS = {"subprocess.Popen", "os.fork", "os.posix_spawn"}
# Files are given out whole, in this order: what takes minutes begins first, so that no worker is
# left with it in the end.
LONGEST_FIRST = (
    "tests/browser/test_default_run.py",
    "tests/core/publish/test_push.py",
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

# The command line's own entry, asked to train by one file after another.
REFUSALS = """
import sys
from core.__main__ import main
sys.exit(any(main(["train", file, "--json"]) != 2 for file in sys.argv[1:]))
"""

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


@contextmanager
def taken_device(home: Path) -> Iterator[None]:
    """Another holds the device of this home, so that a run waits and no trainer is started."""
    slot = lock_file(RunStore(home).slot)
    assert slot is not None
    try:
        yield
    finally:
        os.close(slot)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder as `make` fills it: by the first worker that needs it, while the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = folder.with_name(f"{folder.name}.done")
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


def wait_until(condition: Callable[[], Any], *, seconds: float = WAIT_SECONDS) -> Any:
    """What the condition returns once it is true; fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"This did not come true within {seconds} s.")


class CommandLine:
    """The real command line, in processes of its own, on one home."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment

    def __call__(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "core", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, yaml: str, *, name: str = "run.yaml") -> str:
        """Start a run and return its id."""
        file = self.home / name
        file.write_text(yaml, encoding="utf-8")
        done = self("train", str(file), "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return str(json.loads(done.stdout)["id"])

    def refusals(self, *texts: str) -> list[dict[str, str]]:
        """What is told by field of each of these settings, of which no run may be made.

        One process is asked about all of them: it takes longer to start than to answer.
        """
        files = []
        for number, text in enumerate(texts):
            files.append(self.home / f"refused-{number}.yaml")
            files[-1].write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", REFUSALS, *map(str, files)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        assert not (self.home / "runs").exists()
        answers = [json.loads(line)["fields"] for line in done.stdout.splitlines()]
        assert len(answers) == len(texts), done.stderr
        return answers

    def status(self, run_id: str) -> dict[str, Any]:
        done = self("runs", "show", run_id, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def wait(self, run_id: str) -> dict[str, Any]:
        """The status of a run once it has ended."""
        self("runs", "show", run_id, "--follow", "--json")
        return self.status(run_id)

    def events(self, run_id: str) -> list[dict[str, Any]]:
        path = self.home / "runs" / run_id / "events.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def wait_for_step(self, run_id: str, step: int) -> None:
        def reached() -> bool:
            state = self.events(run_id)[-1].get("state")
            assert state not in ("failed", "interrupted"), self.log(run_id)
            return any(e["kind"] == "metric" and e["step"] >= step for e in self.events(run_id))

        wait_until(reached)

    def losses(self, run_id: str) -> dict[int, float]:
        """The newest loss at each step."""
        metrics = [event for event in self.events(run_id) if event["kind"] == "metric"]
        return {event["step"]: event["values"]["loss"] for event in metrics}

    def log(self, run_id: str) -> str:
        return (self.home / "runs" / run_id / "train.log").read_text(errors="replace")


@pytest.fixture(scope="session")
def tiny_model(shared: Path) -> Path:
    """A folder with a model of a few thousand weights and a chat template."""
    return made_once(shared / "tiny", make_tiny_model)


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Path:
    """A home where the built-in model is the tiny one."""
    home = tmp_path / "home"
    shutil.copytree(tiny_model, home / "models" / "SmolLM2-135M-Instruct")
    return home


def environment_of(home: Path) -> dict[str, str]:
    """A person's environment with this home, no token, and no Hub in reach."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "SMOLFACTORY_HOME": str(home),
        "HF_HOME": str(home / "hf"),
        # Nobody listens there: the Hub is out of reach at once.
        "HF_ENDPOINT": "http://127.0.0.1:9",
        # Tiny models gain nothing from a second thread, which would wait for the first by spinning.
        "OMP_NUM_THREADS": "1",
    }


def processes_of(home: Path) -> list[psutil.Process]:
    """The dispatcher of this home, and the supervisors, trainers and pushes of its runs."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        is_dispatcher = DISPATCHER in words and str(home) in words
        is_of_a_run = str(home / "runs") in " ".join(words)
        if process.info["status"] != psutil.STATUS_ZOMBIE and (is_dispatcher or is_of_a_run):
            found.append(process)
    return found


def end_processes_of(home: Path, *, grace: float = 2) -> None:
    """End all that is at work for this home, and what it starts meanwhile."""
    while found := processes_of(home):
        # First who starts others.
        found.sort(key=lambda process: DISPATCHER not in _words(process))
        end_family(found[0], grace=grace)


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def command_line(home: Path) -> Iterator[CommandLine]:
    yield CommandLine(home, environment_of(home))
    end_processes_of(home)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def _context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1400, "height": 900})
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def context(_context: BrowserContext) -> Iterator[BrowserContext]:
    """One browser for all tests, so that it loads the page's scripts once; its tabs are closed."""
    yield _context
    for page in _context.pages:
        page.close()


@pytest.fixture(params=[False, True], ids=["lfs", "xet"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubDouble]:
    """A double of the Hub, once with each of its ways to take large files."""
    with HubDouble(root=tmp_path / "hub", xet=request.param) as double:
        yield double
