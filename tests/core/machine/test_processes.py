"""Which process is which, and that a family of them really ends."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from core.machine.processes import ProcessIdentity, end_family
from core.machine.source_tree import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.process

# None of them outlives a test that fails.
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Whoever ignores a signal hands that on to what it starts.
STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)

# A child that asks to die with its parent when that is gone already.
LATE = """
import os, time
from core.machine.processes import PARENT, die_with_parent
while os.getppid() == int(os.environ[PARENT]):
    time.sleep(0.01)
print("orphan", flush=True)
die_with_parent()
time.sleep(60)
"""
SHORT_LIVED = """
import os, subprocess, sys
from core.machine.processes import child_of_this
subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=os.environ | child_of_this())
"""


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    with running(*SLEEP) as process:
        yield process


def test_a_live_process_is_found_again(sleeper: subprocess.Popen[str]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    kept = ProcessIdentity.model_validate_json(identity.model_dump_json())
    assert kept == identity
    process = kept.process()
    assert process is not None
    assert process.pid == sleeper.pid
    assert ProcessIdentity.of(sleeper.pid) == identity
    assert ProcessIdentity.of(psutil.Process().pid) != identity


def test_a_dead_process_is_not_found(sleeper: subprocess.Popen[str]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    sleeper.kill()
    sleeper.wait(timeout=10)
    assert identity.process() is None
    with pytest.raises(psutil.NoSuchProcess):
        ProcessIdentity.of(sleeper.pid)


def test_a_zombie_is_dead(sleeper: subprocess.Popen[str]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    process = psutil.Process(sleeper.pid)
    sleeper.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, seconds=10)
    assert identity.process() is None


def test_another_process_with_the_same_pid_is_not_taken_for_it(
    sleeper: subprocess.Popen[str],
) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    earlier = identity.model_copy(update={"started": identity.started - 1})
    assert earlier.process() is None
    assert identity.process() is not None


def test_a_process_from_before_a_reboot_is_dead(sleeper: subprocess.Popen[str]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity.model_copy(update={"boot": "another"}).process() is None


def test_a_name_with_spaces_and_brackets_does_not_hide_the_start() -> None:
    rename = "import ctypes, time; ctypes.CDLL(None).prctl(15, b') R 1 (2 3'); print(flush=True); "
    with running(sys.executable, "-c", f"{rename}time.sleep(60)") as process:
        before = ProcessIdentity.of(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        assert psutil.Process(process.pid).name() == ") R 1 (2 3"
        assert ProcessIdentity.of(process.pid) == before
        assert before.process() is not None


def test_a_family_that_will_not_go_is_ended() -> None:
    with running(sys.executable, "-c", STUBBORN) as process:
        assert process.stdout is not None
        family = [process.pid, int(process.stdout.readline())]
        identities = [ProcessIdentity.of(pid) for pid in family]
        end_family(psutil.Process(process.pid), grace=0.3)
        assert [identity.process() for identity in identities] == [None, None]


def test_a_family_that_is_asked_may_tidy_up() -> None:
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('tidied up'))\n"
        "print(flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", polite], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        end_family(psutil.Process(process.pid), grace=20)
        assert process.stderr.read() == "tidied up\n"


def test_a_family_that_is_gone_already_is_no_trouble(sleeper: subprocess.Popen[str]) -> None:
    process = psutil.Process(sleeper.pid)
    sleeper.kill()
    sleeper.wait(timeout=10)
    end_family(process, grace=1)


def test_a_child_whose_parent_dies_before_it_asks_to_die_with_it_does_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    with running(sys.executable, "-c", SHORT_LIVED, LATE) as parent:
        # To the end: nobody holds the pipe any more.
        assert parent.communicate(timeout=30)[0] == "orphan\n"
