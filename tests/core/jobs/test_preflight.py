"""Before a run starts every check is made, and all that is wrong is told at once."""

import json
import shutil
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from core.config.parse import parse_config
from core.data.previewer import Previewer
from core.errors import InvalidConfig
from core.jobs import preflight
from core.jobs.preflight import check
from core.machine.disk import SPARE_BYTES
from core.runs.store import RunStore
from tests.command_line import CommandLine
from tests.core.conftest import LFS_ONLY
from tests.core.train.asked import Asked, rows
from tests.hub import HubDouble

pytestmark = pytest.mark.process


def check_all(asked: Asked) -> None:
    check(asked.config, files=asked.files, home=asked.home, token=None, report=print)


def test_start_is_refused_where_the_tokens_have_no_room(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Previewer()) as previewer:
        asked = Asked(previewer, home, tmp_path)
        asked.settle(rows(*range(3000)))
        look = asked.look()
    usage = namedtuple("usage", ["total", "used", "free"])
    for room, fits in ((look.statistics.token_bytes // 2, False), (10**9, True)):
        disk = usage(total=10**12, used=0, free=SPARE_BYTES + room)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, disk=disk: disk)
        if fits:
            check_all(asked)
        else:
            with pytest.raises(InvalidConfig, match="GB of disk") as caught:
                check_all(asked)
            assert set(caught.value.fields) == {"dataset.files"}
    asked.loaded()
    (made,) = (asked.home / "tokens").iterdir()
    told, real = look.statistics.token_bytes / look.statistics.read, made.stat().st_size / 3000
    assert 0.8 < told / real < 1.25


# What is asked of the Hub, and words of the refusal by the field that is refused.
REFUSED = [
    (
        """
        model: {name: acme/nothing}
        dataset: {source: hub, name: acme/nothing}
        output: {push_to_hub: true, owner: other}
        """,
        {
            "model.name": "can't find the model",
            "dataset.name": "can't find",
            "output.owner": "can't write to other",
        },
    ),
    (
        """
        model: {name: closed/door}
        dataset: {source: hub, name: closed/door}
        output: {push_to_hub: true, owner: stranger}
        """,
        {
            "model.name": "it is gated",
            "dataset.name": "it is gated",
            "output.owner": "can't write to stranger",
        },
    ),
    (
        """
        model: {name: acme/adapter}
        dataset: {source: hub, name: acme/chats, split: dev}
        output: {push_to_hub: true, name: a--b}
        """,
        {
            "model.name": "Train its base model, acme/base,",
            "dataset.split": "no split 'dev'",
            "output.name": "not a valid name on the Hub",
        },
    ),
    (
        """
        model: {name: acme/coded}
        dataset: {source: hub, name: acme/chats, subset: x}
        output: {push_to_hub: true, name: a.git}
        """,
        {
            "model.name": "code of its own",
            "dataset.subset": "no subset 'x'",
            "output.name": "not a valid name on the Hub",
        },
    ),
    (
        """
        model: {name: acme/coded, revision: v9}
        dataset: {source: hub, name: acme/odd}
        """,
        {
            "model.revision": "no such revision",
            "dataset.format": "has no columns that SmolFactory knows",
        },
    ),
    (
        """
        model: {name: acme/tiny}
        dataset: {source: hub, name: acme/few}
        schedule: {lr_scheduler_type: reduce_lr_on_plateau}
        method: {max_length: 4096}
        adapter: {lora_target_modules: "q_proj, qproj"}
        """,
        {
            "method.max_length": "positions for 2,048 tokens",
            "adapter.lora_target_modules": "no layers named qproj. Use all-linear, or some of:",
            "schedule.lr_scheduler_type": "too few rows to hold any out",
        },
    ),
    (
        """
        dataset: {source: hub, name: acme/chats}
        evaluation: {split: dev}
        """,
        {"evaluation.split": "no split 'dev'"},
    ),
    # Of the built-in data, what the method has no use for.
    ("method: {name: kto}", {"dataset.builtin": "or the method supervised fine-tuning"}),
    (
        """
        method: {name: orpo}
        dataset: {builtin: facts_rated}
        """,
        {"dataset.builtin": "or the method Kahneman-Tversky Optimization (KTO)"},
    ),
]


@LFS_ONLY
def test_what_the_hub_would_refuse_is_told_before_training(
    online: CommandLine, hub: HubDouble
) -> None:
    fill(hub, model=online.home / "models" / "SmolLM2-135M-Instruct")
    asked = ["version: 2\n" + dedent(yaml) for yaml, _ in REFUSED]
    for (yaml, refused), told in zip(REFUSED, online.refusals(*asked), strict=True):
        assert told.keys() == refused.keys(), yaml
        for field, words in refused.items():
            assert words in told[field], f"{yaml}: {told}"


def fill(hub: HubDouble, *, model: Path) -> None:
    rows = [json.dumps({"prompt": f"Say {n}.", "completion": f"{n}"}) for n in range(30)]
    chats = "\n".join(rows).encode()
    hub.add_repo(repo_id="acme/chats", kind="dataset", files={"train.jsonl": chats})
    hub.add_repo(repo_id="acme/few", kind="dataset", files={"train.jsonl": rows[0].encode()})
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    hub.add_repo(repo_id="acme/tiny", files=files)
    base = json.dumps({"base_model_name_or_path": "acme/base"}).encode()
    hub.add_repo(repo_id="acme/adapter", files={"adapter_config.json": base})
    hub.add_repo(repo_id="acme/odd", kind="dataset", files={"train.jsonl": b'{"a": 1}\n'})
    hub.add_repo(
        repo_id="closed/door", kind="dataset", files={"train.jsonl": chats}, gated="manual"
    )
    hub.add_repo(repo_id="closed/door", files={"model.safetensors": b"x"}, gated="manual")
    coded = json.dumps({"auto_map": {"AutoModel": "model.Own"}}).encode()
    hub.add_repo(
        repo_id="acme/coded", files={"model.safetensors": b"x", "config.json": coded}
    )  # fmt: skip


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
