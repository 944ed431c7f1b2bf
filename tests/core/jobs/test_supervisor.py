"""Runs from their start to every end they can have, with real processes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.runs.state import RunState
from core.runs.store import RunStore
from tests.command_line import CommandLine, processes_of, words_of
from tests.core.conftest import Learned
from tests.interface.harness import make_run, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.process

SHORT = """
version: 2
training: {max_steps: 6, per_device_train_batch_size: 2, save_steps: 2, learning_rate: 0.01}
evaluation: {eval_steps: 3, max_eval_samples: 4}
adapter: {lora_r: 4, lora_dropout: 0.1}
method: {max_length: 256}
"""
# It ends when it is ended, and saves when it is told to.
LONG = SHORT.replace("max_steps: 6", "max_steps: 100000").replace(
    "save_steps: 2", "save_steps: 99999"
)


def named(home: Path, module: str) -> psutil.Process:
    return next(p for p in processes_of(home) if module in words_of(p))


def test_all_weights_are_trained_to_the_end_on_uploaded_rows(command_line: CommandLine) -> None:
    """Their file may go. A page and a run of another version are beside it, and stop no other."""
    strange = make_run(RunStore(command_line.home), state=RunState.QUEUED)
    text = strange.paths.status.read_text(encoding="utf-8")
    strange.paths.status.write_text(text.replace("queued", "dreaming"), encoding="utf-8")
    (command_line.home / "runs" / "20260101-000000-00000000").mkdir()
    file = command_line.home / "mine.csv"
    rows = [f'"What is {n}, and why?","It is {n}.\nReally."' for n in range(40)]
    file.write_text("prompt,completion\n" + "\n".join(rows), encoding="utf-8")
    whole = SHORT.replace("lora_r: 4, lora_dropout: 0.1", "kind: full")
    with serving(command_line.home):
        run = command_line.start(whole + "dataset: {source: upload, files: [mine.csv]}\n")
        file.unlink()
        status = command_line.wait(run)
    listed = command_line("runs", "list")
    assert listed.stdout.startswith("ID ")
    assert run in listed.stdout
    assert f"{strange.id}  unreadable   The status" in listed.stdout
    assert "Another version of SmolFactory" in listed.stdout
    assert status["state"] == "done", command_line.log(run)
    assert (status["step"], status["total"]) == (6, 6)
    folder = command_line.home / "runs" / run
    model = {path.name for path in (folder / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= model
    resolved = (folder / "resolved.yaml").read_text()
    assert "format: prompt_completion" in resolved
    assert "rows: '36'" in resolved
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "checkpoint-4",
        "checkpoint-6",
    ]
    evaluations = [e["step"] for e in command_line.events(run) if e["kind"] == "evaluation"]
    assert evaluations == [3, 6]
    log = (folder / "train.log").read_text(encoding="utf-8")
    assert "'eval_loss'" in log
    # Neither bars that are drawn over each other nor what libraries tell each other's authors.
    assert "/6 [" not in log
    assert "FutureWarning" not in log
    assert "kernels" not in log
    wait_until(lambda: not processes_of(command_line.home))


def test_a_stopped_run_resumes_as_if_it_had_never_stopped(
    command_line: CommandLine, stopped: str, unbroken: Learned
) -> None:
    """It leaves a whole model then, as one does that nothing interrupts."""
    at = command_line.status(stopped)
    assert at["state"] == "stopped"
    assert 3 <= at["step"] < 40
    model = command_line.home / "runs" / stopped / "model"
    assert (model / "adapter_model.safetensors").exists()

    assert command_line("runs", "resume", stopped, "--follow").returncode == 0
    assert command_line.status(stopped)["state"] == "done"
    assert resumed_at(command_line, stopped) == [at["step"]]
    Learned.by(command_line, stopped).assert_same(unbroken)
    told = [e["seconds"] for e in command_line.events(stopped) if e["kind"] == "progress"]
    assert told == sorted(told)
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= {
        path.name for path in model.iterdir()
    }
    base = json.loads((model / "adapter_config.json").read_text())
    assert base["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    # The person's chat template, not the one that marks answers for training.
    template = (model / "chat_template.jinja").read_text()
    assert "generation" not in template.replace("add_generation_prompt", "")


def test_a_run_that_was_cut_off_goes_on_from_its_whole_checkpoint(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """However it was cut off, and each time with its reason. It is canceled in the end."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command_line.environment["TMPDIR"] = str(scratch)
    run = command_line.begin(LONG)
    end_while_it_loads(command_line, run)
    resume(command_line, run)
    # There was nothing to go on from.
    assert resumed_at(command_line, run) == []
    saved = go_down(command_line, run)
    leave_a_cause_in_the_log(command_line, run)
    resume(command_line, run)
    kill_trainer(command_line, run)
    cut_off_a_checkpoint(command_line, run)
    damage_a_checkpoint(command_line, run)
    resume(command_line, run)
    assert_damage_is_told(command_line, run, saved=saved)
    kill_supervisor(command_line, run)
    (left,) = scratch.glob("smolfactory-*")
    resume(command_line, run)
    assert not left.exists()
    cancel(command_line, run, scratch=scratch)
    assert resumed_at(command_line, run) == [saved, saved, saved]


def resume(command_line: CommandLine, run: str) -> None:
    """Resume a run, and wait until it has made a step."""
    before = len(command_line.events(run))
    command_line.resume(run)

    def has_made_a_step() -> bool:
        assert RunStore(command_line.home).open(run).status().state.live, command_line.log(run)
        return any(e["kind"] == "metric" for e in command_line.events(run)[before:])

    wait_until(has_made_a_step)


def resumed_at(command_line: CommandLine, run: str) -> list[int]:
    """The step of the checkpoint from which it went on, each time that there was one."""
    return [e["step"] for e in command_line.events(run) if e["kind"] == "resumed"]


def failures(command_line: CommandLine, run: str) -> list[dict[str, Any]]:
    return [e for e in command_line.events(run) if e["kind"] == "failure"]


def end_while_it_loads(command_line: CommandLine, run: str) -> None:
    """A trainer that is told to end before it knows how to save did not fail."""
    loading = wait_until(
        lambda: [p for p in processes_of(command_line.home) if "core.train" in words_of(p)]
    )
    loading[0].terminate()
    assert command_line.wait(run)["state"] == "interrupted", command_line.log(run)
    assert failures(command_line, run) == []


def go_down(command_line: CommandLine, run: str) -> int:
    """A machine that goes down leaves a checkpoint of the last step. Returns that step."""
    named(command_line.home, "core.jobs.supervisor").send_signal(signal.SIGTERM)
    assert command_line.wait(run)["state"] == "interrupted", command_line.log(run)
    saved = [e["step"] for e in command_line.events(run) if e["kind"] == "checkpoint"]
    assert saved == [max(command_line.losses(run))]
    assert failures(command_line, run) == []
    return int(saved[0])


def leave_a_cause_in_the_log(command_line: CommandLine, run: str) -> None:
    """What an earlier trainer ended of is not why the next one does."""
    with (command_line.home / "runs" / run / "train.log").open("a", encoding="utf-8") as log:
        log.write("torch.OutOfMemoryError: CUDA out of memory.\n")


def kill_trainer(command_line: CommandLine, run: str) -> None:
    """A killed trainer is explained."""
    named(command_line.home, "core.train").kill()
    assert command_line.wait(run)["state"] == "failed"
    (failure,) = failures(command_line, run)
    assert failure["cause"] == "killed"
    assert "SIGKILL" in failure["explanation"]


def cut_off_a_checkpoint(command_line: CommandLine, run: str) -> None:
    """One that was cut off while it was written is never resumed."""
    checkpoints = command_line.home / "runs" / run / "checkpoints"
    half = checkpoints / ".unfinished" / "checkpoint-90000"
    half.mkdir(parents=True, exist_ok=True)
    (half / "trainer_state.json").write_text("{")


def damage_a_checkpoint(command_line: CommandLine, run: str) -> None:
    """One that lost bytes since it was saved is not resumed either, though it is the newest."""
    checkpoints = command_line.home / "runs" / run / "checkpoints"
    saved = next(checkpoints.glob("checkpoint-*"))
    shutil.copytree(saved, checkpoints / "checkpoint-90000")
    with (checkpoints / "checkpoint-90000" / "optimizer.pt").open("r+b") as file:
        file.truncate(100)


def assert_damage_is_told(command_line: CommandLine, run: str, *, saved: int) -> None:
    (warning,) = (e["text"] for e in command_line.events(run) if "damaged" in e.get("text", ""))
    assert "step 90000 is damaged: optimizer.pt has 100 bytes" in warning
    assert f"goes on from step {saved}" in warning
    names = [path.name for path in (command_line.home / "runs" / run / "checkpoints").iterdir()]
    assert "checkpoint-90000" not in names


def kill_supervisor(command_line: CommandLine, run: str) -> None:
    """A killed supervisor takes its trainer along, and who looks is told to resume."""
    named(command_line.home, "core.jobs.supervisor").kill()
    wait_until(lambda: not processes_of(command_line.home))
    # A dying process gives up its command line a moment before its locks.
    wait_until(lambda: command_line.status(run)["state"] == "interrupted")
    assert "Resume" in failures(command_line, run)[-1]["remedies"][0]


def cancel(command_line: CommandLine, run: str, *, scratch: Path) -> None:
    """Cancel ends a run at once and leaves nothing behind."""
    assert any(scratch.glob("smolfactory-*"))
    assert command_line("runs", "stop", run, "--now").returncode == 0
    assert command_line.status(run)["state"] == "canceled"
    assert not (command_line.home / "runs" / run / "model").exists()
    wait_until(lambda: not processes_of(command_line.home))
    assert not any(scratch.glob("smolfactory-*"))


def test_a_stop_while_tokens_are_made_ends_the_run_at_once(command_line: CommandLine) -> None:
    """There is nothing to save yet, and the tokens of large data take long."""
    file = command_line.home / "many.txt"
    file.write_text("".join(f"{n} " * 20 + "\n" for n in range(60_000)), encoding="utf-8")
    asked = "dataset: {source: upload, files: [many.txt]}\n"
    run = command_line.begin(
        LONG.replace("max_length: 256", "max_length: 256, assistant_only_loss: false") + asked,
        file=file,
    )
    tokens = command_line.home / "tokens"
    wait_until(lambda: tokens.exists() and any(tokens.glob("*.part")))
    command_line.stop(run)
    status = command_line.status(run)
    assert status["state"] == "canceled", command_line.log(run)
    assert "before the first step" in status["note"]
    # They were not made to the end.
    assert not any(tokens.glob("*.arrow"))
    wait_until(lambda: not processes_of(command_line.home))


def test_one_submission_makes_one_run(home: Path) -> None:
    """Two presses of Start, in two processes at once."""
    program = (
        "import sys, pathlib; from core.config.parse import parse_config;"
        "from core.runs.store import RunStore;"
        "run, new = RunStore(pathlib.Path(sys.argv[1])).create("
        "parse_config({}), files={}, submission='ab' * 8); print(run.id, new)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60)[0].split() for process in both]
    assert answers[0][0] == answers[1][0]
    assert sorted(new for _, new in answers) == ["False", "True"]
    assert len(list((home / "runs").iterdir())) == 1
