"""Runs that wait: without a process, in order, and with their token in nobody's reach."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.jobs.queue import Queue
from core.machine.source_tree import ROOT
from core.runs.store import RunStore
from tests.command_line import (
    DISPATCHER,
    CommandLine,
    end_processes_of,
    processes_of,
    taken_device,
    words_of,
)
from tests.core.conftest import LFS_ONLY, SHORT, TOKEN, at_home
from tests.hub import HubDouble
from tests.waiting import wait_until

# They end when they are ended.
PUSHED = SHORT.replace("max_steps: 4", "max_steps: 100000")
LONG = PUSHED.replace("push_to_hub: true", "push_to_hub: false")
pytestmark = pytest.mark.process

# A person's own sign-in, which is not the token of the installation.
START_AS = """
import secrets
import sys
from pathlib import Path
from pydantic import SecretStr
from core.config.parse import load_config
from core.jobs import launcher
from core.runs.store import RunStore

home, token = Path(sys.argv[1]), sys.stdin.read()
config = load_config(sys.argv[2])
run = launcher.start(
    RunStore(home), config, files={}, submission=secrets.token_hex(8), token=SecretStr(token)
)
print(run.id)
"""


def dispatchers(home: Path) -> list[psutil.Process]:
    return [p for p in processes_of(home) if DISPATCHER in words_of(p)]


def state(command_line: CommandLine, run: str) -> str:
    """The state that is written. Unlike the command line, this starts no dispatcher."""
    return RunStore(command_line.home).open(run).status().state


def wait_until_begun(command_line: CommandLine, run: str) -> str:
    """Wait until a run no longer waits. Returns when it began."""

    def begun() -> str | None:
        changes = [e for e in command_line.events(run) if e["kind"] == "state"]
        assert changes[-1]["state"] in ("queued", "preparing", "training"), changes
        if changes[-1]["state"] == "queued":
            return None
        return str([e["time"] for e in changes if e["state"] == "preparing"][-1])

    return str(wait_until(begun))


def token_of(command_line: CommandLine, run: str) -> str:
    """The token with which a run that has begun is worked on."""
    (supervisor,) = (
        p
        for p in processes_of(command_line.home)
        if {"core.jobs.supervisor", str(command_line.home / "runs" / run)} <= set(words_of(p))
    )
    return str(supervisor.environ()["HF_TOKEN"])


def end(command_line: CommandLine, run: str) -> None:
    command_line.cancel(run)


def start_as(command_line: CommandLine, token: str, *, yaml: str) -> str:
    """Start a run with a token that is in no environment and no command line."""
    done = subprocess.run(
        [sys.executable, "-c", START_AS, str(command_line.home), yaml],
        cwd=ROOT, env=command_line.environment | {"HF_TOKEN": ""}, input=token,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_waiting_runs_have_no_process_and_start_in_order(
    command_line: CommandLine, stopped: str
) -> None:
    """The resumed one last, for it came last. One that is gone or torn holds up nobody."""
    home = command_line.home
    with taken_device(home):
        gone, torn, first, second = (command_line.begin(LONG) for _ in range(4))
        command_line.resume(stopped)
        waiting = [first, second, stopped]
        wait_until(lambda: dispatchers(home))
        assert [p.cmdline()[-2] for p in processes_of(home)] == [str(home)]
        listed = json.loads(command_line("runs", "list", "--json").stdout)
        assert {status["id"]: status["state"] for status in listed} == dict.fromkeys(
            (gone, torn, *waiting), "queued"
        )
        shutil.rmtree(home / "runs" / gone)
        (home / "runs" / torn / "status.json").write_text("{", encoding="utf-8")
    times = []
    while waiting:
        run = waiting.pop(0)
        times.append(wait_until_begun(command_line, run))
        # The others wait for it, as they did for the test.
        assert [state(command_line, other) for other in waiting] == ["queued"] * len(waiting)
        end(command_line, run)
    assert times == sorted(times)
    wait_until(lambda: not processes_of(home))
    assert not list((home / "queue" / "waiting").iterdir())


def test_a_run_that_waits_is_called_off_at_once(command_line: CommandLine) -> None:
    home = command_line.home
    with taken_device(home):
        first, second = command_line.begin(LONG), command_line.begin(LONG)
        (dispatcher,) = wait_until(lambda: dispatchers(home))
        # Nobody's help is needed.
        dispatcher.suspend()
        for run, extra in ((first, ["--now"]), (second, [])):
            assert command_line("runs", "stop", run, *extra).returncode == 0
            status = command_line.status(run)
            assert (status["state"], status["note"]) == (
                "canceled",
                "Canceled before it started.",
            )
        dispatcher.resume()
        wait_until(lambda: not processes_of(home))
    # Nor does one begin while the machine goes down, although the device is free.
    Queue(home).close()
    third = command_line.begin(LONG)
    assert state(command_line, third) == "queued"
    end(command_line, third)
    assert "preparing" not in {e.get("state") for e in command_line.events(third)}


@pytest.fixture
def other(tmp_path: Path, tiny_model: Path) -> Iterator[CommandLine]:
    """The command line on another home, whose path is far longer than a socket's may be."""
    other = at_home(tmp_path / ("another" * 20), tiny_model)
    yield other
    end_processes_of(other.home)


def test_two_homes_do_not_wait_for_each_other(
    command_line: CommandLine, other: CommandLine
) -> None:
    with taken_device(command_line.home):
        waiting = command_line.begin(LONG)
        wait_until(lambda: dispatchers(command_line.home))
        with taken_device(other.home):
            first = other.begin(LONG)
            wait_until(lambda: dispatchers(other.home))
            # Through the socket.
            second = start_as(other, TOKEN, yaml=LONG)
            end(other, first)
        wait_until_begun(other, second)
        assert token_of(other, second) == TOKEN
        assert command_line.status(waiting)["state"] == "queued"
    wait_until_begun(command_line, waiting)
    assert state(other, second) in ("preparing", "training")


@LFS_ONLY
def test_a_waiting_runs_token_is_on_no_disk_and_in_no_command_line(
    online: CommandLine, hub: HubDouble
) -> None:
    home = online.home
    with taken_device(home):
        first = start_as(online, TOKEN, yaml=PUSHED)
        wait_until(lambda: dispatchers(home))
        # This one finds a dispatcher that is at work.
        second = start_as(online, TOKEN, yaml=SHORT.replace("bot", "second"))
        for run in (first, second):
            assert online.status(run)["state"] == "queued"
        lines = b"".join(p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if alive(p))
        assert TOKEN.encode() not in lines
        files = [path for path in home.rglob("*") if path.is_file()]
        assert [p for p in files if TOKEN.encode() in p.read_bytes()] == []
        # Nobody else may look where it is handed over.
        assert (home / "queue").stat().st_mode & 0o077 == 0
    wait_until_begun(online, first)
    assert token_of(online, first) == TOKEN
    end(online, first)
    assert online.wait(second)["state"] == "done", online.log(second)
    assert "adapter_model.safetensors" in hub.files(repo_id="ada/second")
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [p for p in files if TOKEN.encode() in p.read_bytes()] == []


@LFS_ONLY
def test_a_killed_dispatcher_is_replaced_by_one_that_knows_this_installations_token(
    online: CommandLine, hub: HubDouble
) -> None:
    """A person's is lost: it is asked for, and holds up nobody."""
    home = online.home
    with taken_device(home):
        theirs = start_as(online, TOKEN, yaml=SHORT)
        ours = online.begin(PUSHED)
        ticket = json.loads((home / "queue" / "waiting" / ours).read_text())
        assert ticket == {"stages": ["train", "push"], "token_owner": "installation"}
        (first,) = wait_until(lambda: dispatchers(home))
        first.kill()
        wait_until(lambda: not processes_of(home))
        # As after a restart of the machine: whoever looks has it go on, once its lock is free.
        wait_until(lambda: online.status(theirs)["state"] == "queued" and dispatchers(home))
    wait_until_begun(online, ours)
    assert token_of(online, ours) == TOKEN
    assert state(online, theirs) == "interrupted"
    failure = next(e for e in online.events(theirs) if e["kind"] == "failure")
    assert failure["cause"] == "signed_out"
    assert failure["remedies"] == ["Sign in and press Resume."]
    end(online, ours)
    assert online("runs", "resume", theirs, "--follow").returncode == 0
    assert hub.has_repo(repo_id="ada/bot")


def alive(cmdline: Path) -> bool:
    try:
        cmdline.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True
