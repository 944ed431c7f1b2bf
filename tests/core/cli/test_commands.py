"""The command line as a script uses it: exit codes, and answers that parse."""

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.config.parse import parse_config
from core.jobs.record import enter
from core.runs.causes import FailureCause
from core.runs.events import Failure
from core.runs.state import RunState
from core.runs.store import RunStore
from tests.command_line import CommandLine, environment_of, taken_device

pytestmark = pytest.mark.process

NO_RUN = "20260101-000000-0123abcd"


@pytest.fixture
def bare(tmp_path: Path) -> CommandLine:
    """The command line of a fresh machine, with no model and no Hub in reach."""
    return CommandLine(tmp_path / "home", environment_of(tmp_path / "home"))


def run(bare: CommandLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = bare(*arguments, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    # Nothing was asked for that could have begun a run.
    assert not (bare.home / "runs").exists()
    return done


def refusal(bare: CommandLine, *arguments: str) -> dict[str, Any]:
    """The answer in JSON to what must be refused."""
    done = run(bare, *arguments, "--json")
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert answer.keys() == {"error", "hint", "field", "fields"}
    assert answer["error"]
    return dict(answer)


def save(tmp_path: Path, text: str | bytes, *, name: str = "run.yaml") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_machine_without_runs_lists_none(bare: CommandLine) -> None:
    done = run(bare, "runs", "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No runs yet" in done.stderr
    done = run(bare, "runs", "list", "--json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")


def test_the_schema_is_json_with_and_without_asking(bare: CommandLine) -> None:
    texts = []
    for extra in ([], ["--json"]):
        done = run(bare, "schema", *extra)
        assert (done.returncode, done.stderr) == (0, "")
        texts.append(done.stdout)
    assert json.loads(texts[0]) == json.loads(texts[1])
    assert texts[1].count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "show", NO_RUN],
        ["runs", "resume", "../../etc"],
        ["push", NO_RUN, "acme/bot"],
    ],
    ids=lambda command: command[-2],
)
def test_an_unknown_run_is_refused(bare: CommandLine, command: list[str]) -> None:
    answer = refusal(bare, *command)
    assert "There is no run" in answer["error"]
    assert answer["hint"]
    assert answer["field"] is None


def test_bad_settings_are_told_by_field(bare: CommandLine, tmp_path: Path) -> None:
    file = save(
        tmp_path, "version: 2\ntraining: {num_train_epochs: none, sead: 1}\nmodel: {name: x}\n"
    )
    answer = refusal(bare, "train", file)
    fields = {"training.num_train_epochs", "training.sead", "model.name"}
    assert answer["fields"].keys() == fields
    assert answer["field"] in fields
    done = run(bare, "train", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert {line.partition(": ")[0] for line in done.stderr.splitlines()} == fields


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 2\ntraining: [\n", "Line 3"),
        ("version: 2\noutput: {name: 2026-02-30}\n", ""),
    ],
    ids=["not YAML", "a date that is none"],
)
def test_a_file_that_is_no_yaml_is_refused(
    bare: CommandLine, tmp_path: Path, text: str, words: str
) -> None:
    assert words in refusal(bare, "train", save(tmp_path, text))["error"]


def test_a_file_that_is_no_text_is_refused(bare: CommandLine, tmp_path: Path) -> None:
    for file in (save(tmp_path, b"\xff\xfe\x00"), str(tmp_path), str(tmp_path / "missing.yaml")):
        answer = refusal(bare, "train", file)
        assert file in answer["error"]
        assert answer["hint"]


def test_an_upload_that_is_not_there_is_refused(bare: CommandLine, tmp_path: Path) -> None:
    file = save(tmp_path, "dataset: {source: upload, files: [mine.csv]}")
    answer = refusal(bare, "train", file)
    assert answer["field"] == "dataset.files"
    assert "mine.csv" in answer["error"]


def test_all_that_stands_in_the_way_is_told_at_once(bare: CommandLine, tmp_path: Path) -> None:
    save(tmp_path, "prompt,completion\na,b\nc\n", name="mine.csv")
    file = save(
        tmp_path, "dataset: {source: upload, files: [mine.csv]}\noutput: {push_to_hub: true}"
    )
    answer = refusal(bare, "train", file)
    # No model is here, the Hub is out of reach, and nobody is signed in.
    assert answer["fields"].keys() == {"dataset.files", "model.name", "output.push_to_hub"}
    assert "Line 3 of mine.csv" in answer["fields"]["dataset.files"]


@pytest.mark.parametrize("command", [["trian", "run.yaml"], ["train"]])
def test_a_command_that_is_none_is_answered_with_the_usage(
    bare: CommandLine, command: list[str]
) -> None:
    done = run(bare, *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: python -m core" in done.stderr


def test_a_run_that_failed_is_tried_again_with_one_of_its_fixes(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in command_line.environment.items():
        monkeypatch.setenv(name, value)
    store = RunStore(command_line.home)
    made = parse_config({"training": {"seed": 7}})
    failed, _ = store.create(made, files={}, submission=uuid.uuid4().hex)
    cause = FailureCause.DEVICE_OUT_OF_MEMORY
    enter(failed, RunState.FAILED, fact=Failure(cause=cause, explanation="It was too much."))

    assert main(["runs", "show", failed.id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["failure"]["cause"]) == ("failed", cause)
    batch, times = "training.per_device_train_batch_size", "training.gradient_accumulation_steps"
    assert shown["fixes"][0]["changes"] == {
        batch: {"old": 8, "new": 4},
        times: {"old": 1, "new": 2},
    }
    assert main(["runs", "show", failed.id]) == 0
    told = capsys.readouterr().err
    assert "1. Use smaller batches" in told
    assert f"runs retry {failed.id} --fix 1" in told

    assert main(["runs", "retry", failed.id, "--fix", "9", "--json"]) == 2
    assert "no fix 9" in json.loads(capsys.readouterr().out)["error"]
    with taken_device(command_line.home):
        assert main(["runs", "retry", failed.id, "--fix", "1", "--json"]) == 0
        again = store.open(json.loads(capsys.readouterr().out)["id"])
        training = again.config().training
        assert (training.seed, training.per_device_train_batch_size) == (7, 4)
        assert again.status().name != failed.status().name
        assert main(["runs", "stop", again.id, "--now"]) == 0
