"""The command line as a script uses it: exit codes, and answers that parse."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine, environment_of

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
