"""A second push of a model of 1 GB that has not changed, against the client's own upload of it."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import BenchmarkFailed, Row
from core.config.parse import parse_config
from core.machine.source_tree import ROOT
from core.runs.events import EventWriter, StateChanged
from core.runs.state import RunState
from core.runs.store import Run, RunStore
from tests.hub import HubDouble

MAX_SECONDS = 5.0
SHARDS, SHARD_BYTES = 4, 250_000_000
TOKEN = "hf_benchmark"
UPLOAD = (
    "import sys; from huggingface_hub import HfApi; "
    "HfApi().upload_folder(repo_id='ada/bot', folder_path=sys.argv[1])"
)


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, HubDouble(root=Path(folder) / "hub") as hub:
        hub.add_user(name="ada", token=TOKEN)
        run = _trained(RunStore(Path(folder) / "home"))
        environment = os.environ | hub.environment(home=Path(folder) / "hf", token=TOKEN)
        _time(["-m", "core.publish.push", str(run.paths.root)], environment)
        ours = _time(["-m", "core.publish.push", str(run.paths.root)], environment)
        rival = _time(["-c", UPLOAD, str(run.paths.model)], environment)
    return [
        Row(
            name="push, 1 GB unchanged",
            ours=f"{ours:.1f} s",
            rival=f"upload_folder {rival:.1f} s",
            figure=f"{ours:.1f} s, {ours / rival:.2f} times",
            limit=f"< {MAX_SECONDS:.0f} s",
            ok=ours < MAX_SECONDS,
        )
    ]


def _trained(store: RunStore) -> Run:
    """A run whose model is a gigabyte of noise."""
    config = parse_config({"output": {"name": "bot"}})
    run, _ = store.create(config, files={}, submission=secrets.token_hex(16))
    EventWriter(run.paths.events).write(StateChanged(state=RunState.DONE))
    run.paths.model.mkdir()
    for shard in range(SHARDS):
        path = run.paths.model / f"model-{shard}.safetensors"
        path.write_bytes(secrets.token_bytes(SHARD_BYTES))
    return run


def _time(arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise BenchmarkFailed(done.stderr.decode(errors="replace")[-300:])
    return time.perf_counter() - start
