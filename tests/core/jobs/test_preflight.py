"""Before a run starts every check is made, and all that is wrong is told at once."""

import json

from core.config.parse import parse_config
from core.jobs import preflight
from core.runs.store import RunStore
from tests.conftest import CommandLine

EVERYTHING = """
version: 2
model: {name: acme/base}
dataset: {source: hub, name: acme/rows}
output: {push_to_hub: true, tracking: dataset, sync_checkpoints: true}
"""


def test_every_fault_is_told_at_once(command_line: CommandLine) -> None:
    """There is no Hub in reach and no token, and all of it needs one or the other."""
    file = command_line.home / "run.yaml"
    file.write_text(EVERYTHING, encoding="utf-8")
    done = command_line("train", str(file), "--json")
    assert done.returncode == 2, done.stderr
    fields = json.loads(done.stdout)["fields"]
    assert list(fields) == [
        "model.name", "dataset.name", "output.push_to_hub", "output.tracking",
        "output.sync_checkpoints",
    ]  # fmt: skip
    assert RunStore(command_line.home).list() == []
    told = done.stderr.splitlines()
    assert [line for line in told if line.startswith("Checking")] == [
        "Checking the model…", "Checking the data…", "Checking that you may push…",
        "Checking that you may track online…", "Checking that you may sync checkpoints…",
        "Checking the licences…",
    ]  # fmt: skip


def test_what_is_not_asked_for_is_not_checked(command_line: CommandLine) -> None:
    told: list[str] = []
    warnings = preflight.check(
        parse_config({}), files={}, home=command_line.home, token=None, report=told.append
    )
    assert told == ["Checking the model…", "Checking the data…", "Checking the licences…"]
    assert warnings == []
