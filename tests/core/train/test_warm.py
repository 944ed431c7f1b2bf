"""What is forked from the warm process is as what starts afresh, and nothing depends on it."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from core.config.parse import parse_config
from core.data.preview import Preview, Question
from core.data.previewer import Previewer
from core.machine.orders import Order, send_order
from core.machine.warm import OFF, VARIABLE, WarmProcess, ask_warm, begin_warm, start_piped
from tests.command_line import CommandLine, environment_of, processes_of, words_of
from tests.core.conftest import FORTY_STEPS, Learned
from tests.waiting import wait_until

pytestmark = pytest.mark.process

ADDRESS = f"test-of-the-warm-process-{secrets.token_hex(8)}"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """A warm process in the environment of `here`."""
    environment = environment_of(tmp_path_factory.mktemp("warm"))
    with patch.dict(os.environ, environment, clear=True):
        begun = begin_warm(ADDRESS)
    wait_until(is_there)
    yield begun
    begun.kill()
    begun.wait()


@pytest.fixture
def here(warm: subprocess.Popen[bytes], home: Path) -> Iterator[Path]:
    """A home; this process is one that the page has started, with the warm one in reach."""
    assert warm.poll() is None
    with patch.dict(os.environ, environment_of(home) | {VARIABLE: ADDRESS}, clear=True):
        yield home


def is_there() -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(f"\0{ADDRESS}") == 0


def look(home: Path) -> Preview:
    with closing(Previewer()) as previewer:
        return previewer.ask(Question(config=parse_config({}), home=home, count=8), token=None)


def test_a_preview_shows_the_same(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm = look(here)
    monkeypatch.setenv(VARIABLE, OFF)
    assert warm.rows
    assert warm == look(here)


@pytest.mark.usefixtures("here")
def test_a_forked_process_is_asked_as_any_other(
    warm: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_NotOfTheWarmProcess")
    told = start_piped("core.train.preview", environment=dict(os.environ))
    process = psutil.Process(told.pid)
    assert process.ppid() == warm.pid
    wait_until(lambda: "core.train.preview" in words_of(process))
    assert told.poll() is None
    assert told.stdin is not None
    told.stdin.close()
    assert (told.wait(timeout=60), told.poll()) == (0, 0)
    told.kill()
    killed = start_piped("core.train.preview", environment=dict(os.environ))
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(timeout=0)
    killed.kill()
    assert killed.wait(timeout=60) == -signal.SIGKILL
    for forked in (told, killed):
        for pipe in (forked.stdin, forked.stdout):
            assert pipe is not None
            pipe.close()
    # A token is with the process that needs it.
    assert b"hf_NotOf" not in Path(f"/proc/{warm.pid}/environ").read_bytes()


@pytest.mark.usefixtures("here")
def test_another_environment_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its libraries go by what they read as they were imported."""
    order = Order(arguments=["core.train.preview"], environment=dict(os.environ))
    other = order.environment | {"HF_ENDPOINT": "http://127.0.0.1:1"}
    assert ask_warm(order.model_copy(update={"environment": other}), {}) is None
    monkeypatch.setenv(VARIABLE, "nobody-listens-here")
    assert ask_warm(order, {}) is None


@pytest.mark.usefixtures("here")
def test_who_asks_and_goes_away_has_started_nothing(warm: subprocess.Popen[bytes]) -> None:
    """They will have started it the usual way."""
    order = Order(arguments=["core.train.preview"], environment=dict(os.environ))
    with socket.socket(socket.AF_UNIX) as connection, Path(os.devnull).open() as silence:
        connection.connect(f"\0{ADDRESS}")
        send_order(connection, order, {0: silence.fileno()})
        forked = psutil.Process(int(connection.recv(32)))
    assert forked.ppid() == warm.pid
    forked.wait(timeout=60)


@pytest.mark.usefixtures("here")
def test_a_page_begins_one_unless_it_is_told_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def begun() -> list[psutil.Process]:
        children = psutil.Process().children()
        return [child for child in children if os.environ[VARIABLE] in words_of(child)]

    page = WarmProcess()
    known = begun()
    page.begin()
    assert begun() == known
    monkeypatch.delenv(VARIABLE)
    page.begin()
    page.begin()
    (its_own,) = begun()
    assert its_own not in known
    its_own.kill()
    its_own.wait()


def test_runs_learn_the_same_and_outlive_it(
    here: Path, warm: subprocess.Popen[bytes], command_line: CommandLine
) -> None:
    """The last of this file: it ends the warm process."""
    command_line.environment[VARIABLE] = OFF
    cold = command_line.begin(FORTY_STEPS)
    assert command_line.wait(cold)["state"] == "done", command_line.log(cold)
    command_line.environment[VARIABLE] = ADDRESS
    run = command_line.begin(FORTY_STEPS)
    trainer = wait_until(lambda: trainers(here))[0]
    assert psutil.Process(psutil.Process(trainer.pid).ppid()).ppid() == warm.pid
    command_line.wait_for_step(run, 5)
    warm.kill()
    warm.wait()
    assert command_line.wait(run)["state"] == "done", command_line.log(run)
    Learned.by(command_line, run).assert_same(Learned.by(command_line, cold))
    assert "Warning" not in command_line.log(run) + command_line.log(cold)
    wait_until(lambda: not processes_of(here))
    # The next one starts without it.
    again = command_line.begin(FORTY_STEPS)
    wait_until(lambda: trainers(here))
    command_line.cancel(again)


def trainers(home: Path) -> list[psutil.Process]:
    return [each for each in processes_of(home) if "core.train" in words_of(each)]
