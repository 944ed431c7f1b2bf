"""Runs that wait: without a process, in order, and with their token in nobody's reach."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.machine.source_tree import ROOT
from tests.conftest import (
    DISPATCHER,
    CommandLine,
    end_processes_of,
    environment_of,
    processes_of,
    taken_device,
    wait_until,
)
from tests.core.conftest import SHORT, TOKEN
from tests.hub import HubDouble

QUICK = SHORT.replace("push_to_hub: true", "push_to_hub: false")
pytestmark = pytest.mark.process

LFS_ONLY = pytest.mark.parametrize("hub", [False], indirect=True, ids=["lfs"])
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
    return [p for p in processes_of(home) if DISPATCHER in p.cmdline()]


def begun(command_line: CommandLine, run: str) -> str:
    """When the run began."""
    events = command_line.events(run)
    return str(next(e["time"] for e in events if e.get("state") == "preparing"))


def start_as(command_line: CommandLine, token: str, *, yaml: str = SHORT) -> str:
    """Start a run with a token that is in no environment and no command line."""
    done = subprocess.run(
        [sys.executable, "-c", START_AS, str(command_line.home), yaml],
        cwd=ROOT, env=command_line.environment | {"HF_TOKEN": ""}, input=token,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_waiting_runs_have_no_process_and_start_in_order(command_line: CommandLine) -> None:
    home = command_line.home
    with taken_device(home):
        runs = [command_line.start(QUICK) for _ in range(3)]
        wait_until(lambda: dispatchers(home))
        assert [p.cmdline()[-2] for p in processes_of(home)] == [str(home)]
        assert {command_line.status(run)["state"] for run in runs} == {"queued"}
    for run in runs:
        assert command_line.wait(run)["state"] == "done", command_line.log(run)
    times = [begun(command_line, run) for run in runs]
    assert times == sorted(times)
    wait_until(lambda: not processes_of(home))
    assert not list((home / "queue" / "waiting").iterdir())


def test_a_resumed_run_waits_behind_those_that_came_before(command_line: CommandLine) -> None:
    home = command_line.home
    old = command_line.start(QUICK.replace("max_steps: 4", "max_steps: 400"))
    command_line.wait_for_step(old, 1)
    assert command_line("runs", "stop", old).returncode == 0
    wait_until(lambda: not processes_of(home))
    with taken_device(home):
        new = command_line.start(QUICK)
        assert command_line("runs", "resume", old).returncode == 0
        assert command_line.status(old)["state"] == "queued"
    command_line.wait(new)
    resumed = wait_until(
        lambda: [e for e in command_line.events(old) if e.get("state") == "preparing"][1:]
    )
    assert begun(command_line, new) < resumed[0]["time"]
    assert command_line("runs", "stop", old, "--now").returncode == 0


def test_a_killed_dispatcher_is_replaced_and_the_run_starts(command_line: CommandLine) -> None:
    home = command_line.home
    with taken_device(home):
        run = command_line.start(QUICK)
        (first,) = wait_until(lambda: dispatchers(home))
        first.kill()
        wait_until(lambda: not processes_of(home))
        # As after a restart of the machine: whoever looks has it go on.
        assert command_line.status(run)["state"] == "queued"
        wait_until(lambda: dispatchers(home))
    assert command_line.wait(run)["state"] == "done", command_line.log(run)


def test_a_run_that_waits_is_called_off_at_once(command_line: CommandLine) -> None:
    home = command_line.home
    with taken_device(home):
        first, second = command_line.start(QUICK), command_line.start(QUICK)
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


def test_two_homes_do_not_wait_for_each_other(
    command_line: CommandLine, tmp_path: Path, tiny_model: Path
) -> None:
    # Far longer than a socket's path may be.
    other_home = tmp_path / ("another" * 20)
    shutil.copytree(tiny_model, other_home / "models" / "SmolLM2-135M-Instruct")
    other = CommandLine(other_home, environment_of(other_home))
    with taken_device(command_line.home):
        waiting = command_line.start(QUICK)
        wait_until(lambda: dispatchers(command_line.home))
        with taken_device(other_home):
            runs = [other.start(QUICK) for _ in range(2)]
        for run in runs:
            assert other.wait(run)["state"] == "done", other.log(run)
        assert command_line.status(waiting)["state"] == "queued"
    assert command_line.wait(waiting)["state"] == "done", command_line.log(waiting)
    end_processes_of(other_home)


@LFS_ONLY
def test_a_waiting_runs_token_is_on_no_disk_and_in_no_command_line(
    online: CommandLine, hub: HubDouble
) -> None:
    home = online.home
    with taken_device(home):
        first = start_as(online, TOKEN)
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
    for run, repo in ((first, "ada/bot"), (second, "ada/second")):
        assert online.wait(run)["state"] == "done", online.log(run)
        assert "adapter_model.safetensors" in hub.files(repo_id=repo)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [p for p in files if TOKEN.encode() in p.read_bytes()] == []


@LFS_ONLY
def test_a_persons_token_that_is_lost_is_asked_for_and_holds_up_nobody(
    online: CommandLine, hub: HubDouble
) -> None:
    home = online.home
    with taken_device(home):
        theirs = start_as(online, TOKEN)
        ours = online.start(QUICK)
        (dispatcher,) = wait_until(lambda: dispatchers(home))
        dispatcher.kill()
        assert online.status(theirs)["state"] == "queued"
    assert online.wait(ours)["state"] == "done", online.log(ours)
    status = online.status(theirs)
    assert status["state"] == "interrupted"
    failure = next(e for e in online.events(theirs) if e["kind"] == "failure")
    assert failure["cause"] == "signed_out"
    assert failure["remedies"] == ["Sign in and press Resume."]
    assert online("runs", "resume", theirs, "--follow").returncode == 0
    assert hub.has_repo(repo_id="ada/bot")


@LFS_ONLY
def test_a_lost_token_of_this_installation_is_taken_again(
    online: CommandLine, hub: HubDouble
) -> None:
    with taken_device(online.home):
        run = online.start(SHORT)
        (dispatcher,) = wait_until(lambda: dispatchers(online.home))
        dispatcher.kill()
        assert online.status(run)["state"] == "queued"
        ticket = json.loads((online.home / "queue" / "waiting" / run).read_text())
        assert ticket == {"stages": ["train", "push"], "token_owner": "installation"}
    assert online.wait(run)["state"] == "done", online.log(run)
    assert hub.has_repo(repo_id="ada/bot")


def test_a_run_that_is_gone_or_torn_holds_up_nobody(command_line: CommandLine) -> None:
    home = command_line.home
    with taken_device(home):
        gone, torn, last = (command_line.start(QUICK) for _ in range(3))
        shutil.rmtree(home / "runs" / gone)
        (home / "runs" / torn / "status.json").write_text("{", encoding="utf-8")
    assert command_line.wait(last)["state"] == "done", command_line.log(last)
    wait_until(lambda: not processes_of(home))


def alive(cmdline: Path) -> bool:
    try:
        cmdline.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True
