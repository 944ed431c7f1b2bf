"""What a run measured, and what the Hub was told of it."""

import subprocess
import sys
from collections import Counter
from io import BytesIO

from huggingface_hub import ModelCard
from pyarrow import parquet

from core.machine.source_tree import ROOT
from tests.command_line import CommandLine
from tests.hub import HubDouble

EXPERIMENTS = "ada/smolfactory-experiments"
Row = tuple[str, int, str, float | None]


def track(online: CommandLine, run: str, tracking: str = "dataset") -> None:
    """Have a run that has trained ask for tracking, as if it had from the start."""
    config = online.home / "runs" / run / "config.yaml"
    text = config.read_text(encoding="utf-8")
    assert "tracking: none" in text
    text = text.replace("tracking: none", f"tracking: {tracking}")
    if tracking == "trackio":
        text = text.replace("hub_private_repo: true", "hub_private_repo: false")
    config.write_text(text, encoding="utf-8")


def send_curves(online: CommandLine, run: str) -> None:
    """Send what a run measured in a process like its supervisor's, and push nothing."""
    subprocess.run(
        [sys.executable, "-m", "core.publish.tracking", str(online.home / "runs" / run)],
        cwd=ROOT, env=online.environment, timeout=200, check=True,
    )  # fmt: skip


def card_of(hub: HubDouble) -> tuple[str, set[str]]:
    """The text and the tags of the model's card."""
    card = ModelCard(hub.files(repo_id="ada/bot")["README.md"].decode())
    return card.text, set(card.data.to_dict()["tags"])


def rows_measured(online: CommandLine, run: str) -> set[Row]:
    """Every number of the run's events."""
    events = [e for e in online.events(run) if e["kind"] in ("metric", "evaluation")]
    return {
        (run, event["step"], name, value)
        for event in events
        for name, value in event["values"].items()
    }


def rows_tracked(hub: HubDouble, run: str) -> set[Row]:
    """The rows of the run's file in the dataset."""
    content = hub.files(repo_id=EXPERIMENTS, kind="dataset")[f"metrics/{run}.parquet"]
    rows = [tuple(row.values()) for row in parquet.read_table(BytesIO(content)).to_pylist()]
    assert max(Counter(rows).values()) == 1
    return set(rows)
